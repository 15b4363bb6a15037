"""The same answer as JSON, CSV and XLSX, and which of them a request wants."""
