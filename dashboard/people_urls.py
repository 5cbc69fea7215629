"""Addresses of signing in, of one's own account and of the Users pages."""

from dashboard.sitemap import page
from dashboard.views import account, sign_in_steps, users

urlpatterns = [
    page("sign-in/code/", sign_in_steps.sign_in_code, "sign-in-code"),
    page("sign-in/provider/", sign_in_steps.provider_start, "sign-in-provider"),
    page("sign-in/provider/return/", sign_in_steps.provider_return, "sign-in-provider-return"),
    page("invitation/<str:token>/", sign_in_steps.accept_invitation, "invitation"),
    page("account/", account.account, "account"),
    page("account/second-factor/", account.enrol, "second-factor"),
    page("account/second-factor/code.svg", account.enrol_picture, "second-factor-picture"),
    page("account/second-factor/off/", account.second_factor_off, "second-factor-off"),
    page("account/recovery-codes/", account.recovery_codes, "recovery-codes"),
    page("account/sessions/sign-out/", account.sign_out_others, "sign-out-others"),
    page("account/identity/link/", account.identity_link, "identity-link"),
    page("account/identity/<int:identity_id>/unlink/", account.identity_unlink, "identity-unlink"),
    page("users/", users.user_list, "user-list"),
    # No name is a dash alone (serving/people.py), so nobody's page is hidden by these.
    page("users/-/invite/", users.invite, "invitation-create"),
    page("users/-/invitations/<int:invitation_id>/withdraw/", users.invitation_withdraw, "invitation-withdraw"),
    page("users/-/sign-in-settings/", users.sign_in_settings_edit, "sign-in-settings"),
    page("users/<str:username>/", users.user_detail, "user-detail"),
    page("users/<str:username>/<slug:deed>/", users.user_deed, "user-deed"),
]
