"""Self-contained pages for people: no script, no outside file, charts as inline SVG."""
