"""From judged rows at any step to a panel on one hourly grid."""

from foresail.features.hourly import hourly_panel

__all__ = ["hourly_panel"]
