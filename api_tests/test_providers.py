"""The provider half of the matrix: one item per provider and operation."""


def test_operation(provider_cell):
    """The cell's verdict is the expected one."""
    provider_cell.verify()
