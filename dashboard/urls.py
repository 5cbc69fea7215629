"""The dashboard's sitemap. A view that names no action cannot be put on it."""

from dashboard import (
    alert_urls,
    catalogue_urls,
    evaluation_urls,
    experiment_urls,
    key_urls,
    operations_urls,
    people_urls,
    policy_urls,
    provider_urls,
    welcome_urls,
)
from dashboard.sitemap import page
from dashboard.views import access, explanations, exports, overview, playground, playground_vote, requests, search

app_name = "dashboard"
urlpatterns = [
    page("", overview.overview, "overview"),
    page("charts/<str:chart>/csv/", overview.chart_csv, "chart-csv"),
    page("requests/", requests.request_list, "request-list"),
    page("requests/export/<str:kind>/", exports.export_requests, "request-export"),
    page("requests/<str:request_id>/", requests.request_detail, "request-detail"),
    page("requests/<str:request_id>/replay/", requests.request_replay, "request-replay"),
    page("requests/<str:request_id>/why-not/<str:deployment>/", explanations.request_why_not, "request-why-not"),
    page("search/", search.search, "search"),
    page("sign-in/", access.sign_in, "sign-in"),
    page("sign-out/", access.sign_out, "sign-out"),
    page("password/", access.password, "password"),
    page("theme/", access.theme, "theme"),
    page("sample-data/remove/", access.remove_sample_data, "sample-data-remove"),
    *welcome_urls.urlpatterns,
    *policy_urls.urlpatterns,
    *experiment_urls.urlpatterns,
    *evaluation_urls.urlpatterns,
    *catalogue_urls.urlpatterns,
    *provider_urls.urlpatterns,
    *people_urls.urlpatterns,
    *alert_urls.urlpatterns,
    *operations_urls.urlpatterns,
    page("playground/", playground.playground, "playground"),
    page("playground/route/", playground.playground_route, "playground-route"),
    page("playground/run/", playground.playground_run, "playground-run"),
    page("playground/vote/", playground_vote.playground_vote, "playground-vote"),
    page("playground/why-not/", explanations.playground_why_not, "playground-why-not"),
    *key_urls.urlpatterns,
]
