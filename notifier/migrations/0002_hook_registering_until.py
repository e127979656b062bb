from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifier", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="hook",
            name="registering_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
