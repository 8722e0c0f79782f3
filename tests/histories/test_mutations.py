"""A bounded run of histories finds each fault that is put back."""

from __future__ import annotations

import pytest

from tests.histories.mutations import MUTATIONS, Mutation, hunt
from tests.histories.world import product_in_small


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_fault_that_is_put_back_is_found(mutation: Mutation) -> None:
    with product_in_small():
        assert hunt(mutation) is not None, f"no history finds that {mutation.name}"
