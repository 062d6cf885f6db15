"""A small campaign; the long one runs by schedule."""

from tests.campaign.__main__ import campaign
from tests.campaign.folders import LINKS, NAMES
from tests.campaign.images import IMAGES


def test_there_are_at_least_40_kinds():
    assert len(IMAGES) + len(NAMES) + len(LINKS) > 90


def test_a_small_campaign_finds_nothing(tmp_path):
    findings = campaign(seed=1, num_files=20, work=tmp_path)
    assert findings.problems == []
    assert sum(findings.kinds.values()) >= 25
