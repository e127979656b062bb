from typing import Any

from django.db import migrations
from django.db.models.functions import Now


def begin_to_age(apps: Any, schema_editor: Any) -> None:
    """Messages of which only receipts came had no age until now, so they were never forgotten."""
    messages = apps.get_model("notifier", "Message").objects.using(schema_editor.connection.alias)
    messages.filter(sent_at=None, deleted_at=None, changed_at=None).update(changed_at=Now())


class Migration(migrations.Migration):
    dependencies = [("notifier", "0002_traces_tallies_heartbeats")]

    operations = [migrations.RunPython(begin_to_age, migrations.RunPython.noop, elidable=True)]
