"""The YAML of each compared system fits its network at the published size, without weights."""

from typing import Any

import pytest

from benchmarks.balance.networks import SIZES
from mdx.estimators.front_ends import front_end_of
from mdx.estimators.protocol import Estimator
from mdx.systems.find import find_system
from mdx.systems.mappings import build
from mdx.systems.spec import SAMPLE_RATE, EstimatorSpec
from models.architectures import ARCHITECTURES
from tests.streams import FunctionNetwork


def network(architecture: str, size: str) -> FunctionNetwork:
    """A stand-in for a graph with the inputs and outputs that models.export writes."""
    known = ARCHITECTURES[architecture]
    shape = known.input_shape(known.sizes[size])
    ends: tuple[Any, ...] = (*shape[:-1], "length") if known.dynamic else shape
    alone = not known.sources and known.kind == "spectrogram"
    stems = [] if alone else [max(1, len(known.sources))]
    return FunctionNetwork(lambda mix: mix, ["batch", *ends], ["batch", *stems, *ends])


def make(part: EstimatorSpec, *networks: FunctionNetwork) -> Estimator:
    front_end = front_end_of(part)
    given = networks if front_end.per_stem else networks[0]
    return front_end(part, build(front_end.options, part.options, part.name), given, workers=1)


@pytest.mark.parametrize("name", SIZES)
def test_a_system_fits_its_published_networks(name: str) -> None:
    architecture, size = SIZES[name]
    spec, _ = find_system(name)
    for part in spec.estimators:
        roles = [role.rpartition(".")[2] for role in part.networks]
        found = make(part, *(network(architecture, size or stem) for stem in roles))
        assert found.makes == part.makes
        sources = ARCHITECTURES[architecture].sources
        assert not sources or sources == part.makes
        assert 2 * SAMPLE_RATE < found.geometry.segment < 75 * SAMPLE_RATE


def test_segments_of_the_published_procedures() -> None:
    geometries = {}
    for name in ("tfc_tdf_v1", "lasaft_large", "resunet_decouple", "tfc_tdf_v3"):
        architecture, size = SIZES[name]
        assert size is not None
        part = find_system(name)[0].estimators[0]
        geometries[name] = make(part, network(architecture, size)).geometry
    v1, lasaft, resunet, v3 = geometries.values()
    assert (v1.segment, v1.step, v1.before, v1.after) == (119_808, 119_808, 5_120, 5_120)
    assert (lasaft.segment, lasaft.step, lasaft.before) == (119_808, 59_904, 5_120)
    assert (resunet.segment, resunet.step) == (30 * SAMPLE_RATE, 15 * SAMPLE_RATE)
    assert (v3.segment, v3.step, v3.lead) == (2048 * 1023, 2048 * 1023 // 8, 7 * v3.step)
    assert resunet.fill == resunet.segment and not resunet.nested
