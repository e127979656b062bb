"""The SMS side's stages, registered when the app is ready."""

from django.conf import settings

from notifier import stages
from notifier.runner import Stage
from smsbridge.services import composing, failover, looking_up, phone_facts, reconciling, replies, sending, unsettled


def register() -> None:
    stages.register(
        Stage(composing.STAGE, composing.Composer().step, pause=settings.COMPOSE_PAUSE_MS / 1000),
        task="smsbridge.tasks.compose_sms",
        due="exists (select 1 from smsbridge_notice where state = 'waiting' and next_at <= {now+ahead})",
    )
    stages.register(
        Stage(sending.STAGE, sending.Sender().step),
        task="smsbridge.tasks.send_sms",
        due="exists (select 1 from smsbridge_outboundsms where state = 'ready' and next_at <= {now+ahead})",
    )
    stages.register(
        Stage(replies.STAGE, replies.Poster().step),
        task="smsbridge.tasks.post_replies",
        due="exists (select 1 from smsbridge_inboundsms where state = 'waiting' and next_at <= {now+ahead})",
    )
    stages.register(
        Stage(reconciling.STAGE, reconciling.Reconciler().step),
        task="smsbridge.tasks.reconcile_sms",
        due="exists (select 1 from smsbridge_outboundsms where state = 'uncertain'"
        f" and lookups < {reconciling.MOST_LOOKUPS} and next_at <= {{now+ahead}})",
    )
    stages.register(
        Stage(phone_facts.STAGE, looking_up.LookUp().step),
        task="smsbridge.tasks.look_up_phones",
        due="exists (select 1 from smsbridge_phonefact"
        f" where next_at <= {{now+ahead}} and attempts < {phone_facts.MOST_ATTEMPTS})",
    )
    stages.REPAIRS += [unsettled.lose_track, failover.take_over]
