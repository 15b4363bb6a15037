"""From judged rows at any step to a panel on one hourly grid."""

from foresail.features.hourly import ending_at, hourly_panel

__all__ = ["ending_at", "hourly_panel"]
