from typing import Any

from django.db import migrations
from django.db.models import F, Value
from django.db.models.functions import Concat

NAMES = {"contact": "contact ", "lease": "number assignment "}


def forget_names(apps: Any, schema_editor: Any) -> None:
    """Entries of former versions hold names and titles, which nothing that is erased later leads to."""
    entries = apps.get_model("admin", "LogEntry").objects.using(schema_editor.connection.alias)
    for model, kind in NAMES.items():
        named = entries.filter(content_type__app_label="smsbridge", content_type__model=model)
        named.update(object_repr=Concat(Value(kind), F("object_id")))


class Migration(migrations.Migration):
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("smsbridge", "0003_lease_text_without_constraint"),
    ]

    operations = [migrations.RunPython(forget_names, migrations.RunPython.noop, elidable=True)]
