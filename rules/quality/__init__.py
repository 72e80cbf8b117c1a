"""Quality of rules: lint, inline tests, measurement, explanations."""
