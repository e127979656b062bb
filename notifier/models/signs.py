"""Counts, and signs of life."""

from django.db import models


class Tally(models.Model):
    """A count of one kind of happening, summed over all processes, for /metrics."""

    name = models.CharField(max_length=80)
    labels = models.JSONField(default=dict)
    key = models.CharField(max_length=255, primary_key=True, help_text="Name and labels, in one fixed spelling.")
    value = models.FloatField(default=0)

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return self.key


class Heartbeat(models.Model):
    """A worker's signs of life: its own clock, and the last ring that it took from the broker."""

    worker = models.CharField(max_length=120, primary_key=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.worker
