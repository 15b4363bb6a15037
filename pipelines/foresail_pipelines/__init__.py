"""The pipelines, as Kubeflow Pipelines definitions and their compiled YAML."""
