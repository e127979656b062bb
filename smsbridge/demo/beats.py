"""What happens in the story, beat by beat.

The order minds the clock: a number stays with a conversation for 25 seconds from its last use (`environment.STORY`).
So the pool is used up early, while all numbers are taken; "Cake" is answered and texted again while its number is
still its own; and then "Football", of which no SMS came since the second beat, is the first whose number becomes free.
"""

from collections.abc import Callable

from smsbridge.demo.story import Conversation, Story
from smsbridge.models import Notice

FIRST_WORDS = "Can you bring the cake on Saturday?"


def unread(story: Story) -> None:
    story.introduce_cast()
    cake = story.talk("Cake", story.anna, story.ben)
    story.writes(story.anna, story.ben, cake, FIRST_WORDS)
    story.transcript.line("Ben does not open the chat.")
    cake.number = story.sms_comes(cake, story.anna, FIRST_WORDS, introduced=True)


def second_number(story: Story) -> None:
    words = "Training is at 7 today."
    football = story.talk("Football", story.carla, story.ben)
    story.writes(story.carla, story.ben, football, words)
    football.number = story.sms_comes(football, story.carla, words, introduced=True)
    demand_own_number(story, football)


def not_possible(story: Story) -> None:
    for place in range(3, story.pool + 1):
        words = f"Chapter {place} is for Monday."
        reading = story.talk(f"Book club {place}", story.carla, story.ben)
        story.writes(story.carla, story.ben, reading, words)
        reading.number = story.sms_comes(reading, story.carla, words, introduced=True)
        demand_own_number(story, reading)
    mountains = story.talk("Mountains", story.anna, story.ben)
    to_ben = story.writes(story.anna, story.ben, mountains, "Who comes along to the mountains?")
    to_dora = story.writes(story.anna, story.dora, story.talk("Chess", story.anna, story.dora), "Your move!")
    story.not_texted(to_ben, story.ben, Notice.Reason.POOL_USED_UP.label)
    story.not_texted(to_dora, story.dora, Notice.Reason.NO_PHONE.label)


def reply(story: Story) -> None:
    cake = story.conversations["Cake"]
    first = next(one.id for one in story.world.messages(cake.id) if one.text == FIRST_WORDS)
    before = story.expiry(cake)
    story.answers(cake, "Yes, the one with cherries.")
    story.is_read(cake, first)
    story.lease_renewed(cake, before)


def prevented(story: Story) -> None:
    """The third message is due last: when its SMS has come, the other two have had their time."""
    words = "Lovely, see you at 4!"
    cake, football = story.conversations["Cake"], story.conversations["Football"]
    early = story.writes(story.carla, story.ben, football, "Bring the blue shirts.")
    story.world.read(early, story.ben.user_id)
    story.transcript.line("Ben reads it in the chat at once.")
    mistaken = story.writes(story.carla, story.ben, football, "Oops, this was for somebody else.")
    story.world.delete(mistaken)
    story.transcript.line("Carla deletes it.")
    story.writes(story.anna, story.ben, cake, words)
    number = story.sms_comes(cake, story.anna, words, introduced=False)
    story.judge.demand(f"{cake.number}, which stands for this conversation", number == cake.number, number)
    story.nothing_more_came()
    story.transcript.line("Only this one came: in its thread, from the same number, which needs no introduction now.")


def taken_over(story: Story) -> None:
    words = "We leave on Friday at 6."
    football, mountains = story.conversations["Football"], story.conversations["Mountains"]
    story.lease_expires(football)
    story.nothing_more_came()
    story.writes(story.anna, story.ben, mountains, words)
    mountains.number = story.sms_comes(mountains, story.anna, words, introduced=True)
    right = mountains.number == football.number
    story.judge.demand(f"{football.number}, which is the longest unused", right, mountains.number)
    story.answers(mountains, "I am in!")


def nothing_else(story: Story) -> None:
    story.nothing_more_came()
    for conversation, words in story.replies:
        times = story.times_said(conversation, words)
        story.judge.demand(f'"{words}" once in "{conversation.title}"', times == 1, f"{times} times")
    story.transcript.line("Ben's phone got nothing but these texts, and the chat each of his answers once.")


def demand_own_number(story: Story, conversation: Conversation) -> None:
    others = [one.number for one in story.conversations.values() if one is not conversation]
    story.judge.demand("a number of its own for it", conversation.number not in others, conversation.number)


BEATS: list[tuple[str, Callable[[Story], None]]] = [
    ("An unread message becomes an SMS", unread),
    ("A second conversation comes from a second number", second_number),
    ("When all numbers are taken, or there is no phone, that is shown", not_possible),
    ("The answer appears in the chat", reply),
    ("Reading in time or deleting prevents an SMS; the next message comes from the same number", prevented),
    ("A number that has become free is taken over, with an introduction", taken_over),
    ("Nothing else happened", nothing_else),
]


def play(story: Story) -> None:
    """The whole story. Raises StoryError as soon as something did not happen, and WorldError."""
    for place, (title, beat) in enumerate(BEATS, start=1):
        story.transcript.heading(f"{place}. {title}")
        beat(story)
