from tests.unit.cli.commands_kit import bench
from tests.unit.cli.published_kit import published, s3, snapshot
from tests.unit.page.page_kit import files

__all__ = ["bench", "files", "published", "s3", "snapshot"]
