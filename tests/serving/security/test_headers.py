import pytest

from serving.security.headers import POLICY


@pytest.mark.parametrize("path", ["/healthz", "/v1/users", "/nope", "/v1/users?limit=x"])
def test_every_answer_tells_browsers_to_be_careful(client, path):
    headers = client.get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]


def test_the_policy_lets_nothing_unsafe_in():
    assert "unsafe" not in POLICY and "http" not in POLICY and "*" not in POLICY
    assert "default-src 'self'" in POLICY and "frame-ancestors 'none'" in POLICY
