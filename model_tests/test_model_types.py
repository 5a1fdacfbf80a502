"""The model half of the matrix: one item per model type, hardware and precision."""


def test_model_type(cell):
    """The cell's verdict is the expected one."""
    cell.verify()
