"""The overview."""

from django.http import HttpRequest, HttpResponse

from dashboard.fragments import render_page
from dashboard.roles import allowed_to


@allowed_to("read")
def overview(request: HttpRequest) -> HttpResponse:
    return render_page(request, "dashboard/overview/page.html", {}, fragments={"live"})
