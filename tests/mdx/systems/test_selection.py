"""Which stems are made of a system's, and what the rest is called."""

import pytest

from mdx.systems.find import find_system
from mdx.systems.selection import stems_of


@pytest.mark.parametrize("system", ["demo", "tfc_tdf_v1"])  # of four stems, and of two
def test_a_stem_and_the_rest_add_up_whatever_else_a_system_makes(system: str) -> None:
    spec, _ = find_system(system)
    assert stems_of(spec, None, "vocals") == (("vocals",), "instrumental")


def test_stems_come_in_the_system_s_order() -> None:
    spec, _ = find_system("demo")
    assert stems_of(spec, ["vocals", "bass"], None) == (("bass", "vocals"), None)
    assert stems_of(spec, None, "drums") == (("drums",), "no_drums")
