"""The command palette's results: as a fragment while somebody types, as a page for whom has no JavaScript."""

from django.http import HttpRequest, HttpResponse

from dashboard.fragments import render_page
from dashboard.palette import LONGEST_QUERY, find_entries
from dashboard.roles import allowed_to


@allowed_to("read")
def search(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "")[:LONGEST_QUERY]
    groups = find_entries(request, query)
    context = {"query": query, "groups": groups, "found": sum(len(group.entries) for group in groups)}
    return render_page(request, "dashboard/search/page.html", context, fragments={"palette-results"})
