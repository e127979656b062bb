"""The one table of keywords: what a text means that consists of nothing but such a word, and in which language.

Sources, named beside each word:

FCC    47 CFR 64.1200(a)(10): stop, quit, end, revoke, opt out, cancel and unsubscribe, sent in reply to a text, are
       a definite withdrawal of consent.
CTIA   the CTIA's messaging principles and the vendors' own lists (Twilio, Telnyx, AWS, Braze): STOPALL; START, UNSTOP
       and YES bring back; HELP and INFO are answered.
Canada the Canadian carriers' French words, which the vendors demand as well: ARRET, AIDE.
usual  what senders of that language write beneath their texts. No law lists them.

A word of everyday talk is here only where a law, the carriers or all senders of its country make it a keyword: as one
it is not posted to the chat.
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Meaning(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"


class Source(StrEnum):
    FCC = "FCC"
    CTIA = "CTIA"
    CANADA = "Canada"
    USUAL = "usual"


@dataclass(frozen=True, slots=True)
class Keyword:
    """`languages`: those the word is of; the first is that of the answer where the phone's country tells no other.

    `when_out`: an everyday word, which means this only when said by somebody who opted out.
    """

    word: str
    meaning: Meaning
    source: Source
    languages: tuple[str, ...] = ("en",)
    when_out: bool = False

    def language(self, country: str) -> str:
        """The language to answer in, for a phone of this country (ISO 3166; empty: of none)."""
        spoken = _SPOKEN.get(country, "")
        return spoken if spoken in self.languages else self.languages[0]


EVERYWHERE: Final = ("en", "de", "fr", "es", "it", "pt", "nl", "pl")

KEYWORDS: Final = (
    Keyword("STOP", Meaning.STOP, Source.FCC, EVERYWHERE),
    Keyword("QUIT", Meaning.STOP, Source.FCC),
    Keyword("END", Meaning.STOP, Source.FCC),
    Keyword("REVOKE", Meaning.STOP, Source.FCC),
    Keyword("OPT OUT", Meaning.STOP, Source.FCC),
    Keyword("CANCEL", Meaning.STOP, Source.FCC),
    Keyword("UNSUBSCRIBE", Meaning.STOP, Source.FCC),
    Keyword("STOP ALL", Meaning.STOP, Source.CTIA),
    Keyword("ARRÊT", Meaning.STOP, Source.CANADA, ("fr",)),
    Keyword("DÉSABONNER", Meaning.STOP, Source.USUAL, ("fr",)),
    Keyword("DÉSABONNEMENT", Meaning.STOP, Source.USUAL, ("fr",)),
    Keyword("DÉSINSCRIRE", Meaning.STOP, Source.USUAL, ("fr",)),
    Keyword("STOPP", Meaning.STOP, Source.USUAL, ("en", "de")),  # Norwegian and Swedish, too
    Keyword("ABMELDEN", Meaning.STOP, Source.USUAL, ("de",)),
    Keyword("ABBESTELLEN", Meaning.STOP, Source.USUAL, ("de",)),
    Keyword("BAJA", Meaning.STOP, Source.USUAL, ("es",)),
    Keyword("DAR DE BAJA", Meaning.STOP, Source.USUAL, ("es",)),
    Keyword("SAIR", Meaning.STOP, Source.USUAL, ("pt",)),
    Keyword("DESCADASTRAR", Meaning.STOP, Source.USUAL, ("pt",)),
    Keyword("DISISCRIVIMI", Meaning.STOP, Source.USUAL, ("it",)),
    Keyword("CANCELLAMI", Meaning.STOP, Source.USUAL, ("it",)),
    Keyword("AFMELDEN", Meaning.STOP, Source.USUAL, ("nl",)),
    Keyword("UITSCHRIJVEN", Meaning.STOP, Source.USUAL, ("nl",)),
    Keyword("REZYGNUJĘ", Meaning.STOP, Source.USUAL, ("pl",)),
    Keyword("WYPISZ", Meaning.STOP, Source.USUAL, ("pl",)),
    Keyword("СТОП", Meaning.STOP, Source.USUAL),  # Cyrillic, which no folding makes Latin
    Keyword("START", Meaning.START, Source.CTIA, EVERYWHERE),
    Keyword("UNSTOP", Meaning.START, Source.CTIA),
    Keyword("YES", Meaning.START, Source.CTIA, when_out=True),
    Keyword("RÉABONNER", Meaning.START, Source.USUAL, ("fr",)),
    Keyword("ANMELDEN", Meaning.START, Source.USUAL, ("de",), when_out=True),
    Keyword("ALTA", Meaning.START, Source.USUAL, ("es",), when_out=True),
    Keyword("ISCRIVIMI", Meaning.START, Source.USUAL, ("it",), when_out=True),
    Keyword("AANMELDEN", Meaning.START, Source.USUAL, ("nl",), when_out=True),
    Keyword("ZAPISZ", Meaning.START, Source.USUAL, ("pl",), when_out=True),
    Keyword("HELP", Meaning.HELP, Source.CTIA, ("en", "nl")),
    Keyword("INFO", Meaning.HELP, Source.CTIA, EVERYWHERE),
    Keyword("AIDE", Meaning.HELP, Source.CANADA, ("fr",)),
)

#: What is answered, in one SMS of the GSM alphabet: Spanish, Portuguese, French and Polish avoid or drop the letters
#: that it lacks, as is usual in texts. A confirmation of STOP says nothing else (47 CFR 64.1200(a)(12)).
SENTENCES: Final[dict[Meaning, dict[str, str]]] = {
    Meaning.STOP: {
        "en": "You will get no more texts from us. Reply START if you want them again.",
        "de": "Sie bekommen keine SMS mehr von uns. Mit der Antwort START bekommen Sie wieder welche.",
        "fr": "Vous ne recevrez plus de SMS de notre part. Répondez START pour en recevoir à nouveau.",
        "es": "Ya no vas a recibir nuestros SMS. Responde START si los quieres de nuevo.",
        "it": "Non riceverai più i nostri SMS. Rispondi START per riceverli di nuovo.",
        "pt": "Nossos SMS foram cancelados. Responda START para receber de novo.",
        "nl": "U krijgt geen sms meer van ons. Antwoord START om ze weer te krijgen.",
        "pl": "Nie dostaniesz od nas wiecej SMS-ow. Odpisz START, aby znow je otrzymywac.",
    },
    Meaning.START: {
        "en": "You will get texts about unread messages. Reply STOP to end them, HELP for help.",
        "de": "Sie bekommen SMS zu ungelesenen Nachrichten. Antwort STOP beendet das, INFO hilft weiter.",
        "fr": "Vous recevrez des SMS pour les messages non lus. Répondez STOP pour y mettre fin, AIDE pour de l'aide.",
        "es": "Vas a recibir SMS sobre mensajes no leidos. Responde STOP para no recibirlos, INFO para ayuda.",
        "it": "Riceverai SMS sui messaggi non letti. Rispondi STOP per non riceverli, INFO per aiuto.",
        "pt": "Voce vai receber SMS de mensagens novas. Responda STOP para cancelar, INFO para ajuda.",
        "nl": "U krijgt sms over ongelezen berichten. Antwoord STOP om dat te stoppen, HELP voor hulp.",
        "pl": "Bedziesz dostawac SMS-y o nowych wiadomosciach. Odpisz STOP, aby zrezygnowac, INFO po pomoc.",
    },
    Meaning.HELP: {
        "en": "These texts tell of unread chat messages; a reply is posted there. Rates may apply. Reply STOP to end.",
        "de": "Diese SMS melden ungelesene Chat-Nachrichten; Ihre Antwort erscheint im Chat. STOP beendet das.",
        "fr": "Ces SMS annoncent des messages non lus ; votre réponse y est publiée. Répondez STOP pour y mettre fin.",
        "es": "Estos SMS avisan de mensajes no leidos; tu respuesta va al chat. Responde STOP para no recibirlos.",
        "it": "Questi SMS avvisano di messaggi non letti; la risposta va nella chat. Rispondi STOP per non riceverli.",
        "pt": "Estes SMS avisam de mensagens novas; sua resposta aparece no chat. Responda STOP para cancelar.",
        "nl": "Deze sms melden ongelezen berichten; uw antwoord verschijnt in de chat. Antwoord STOP om te stoppen.",
        "pl": "Te SMS-y informuja o nowych wiadomosciach; odpowiedz trafia do czatu. Odpisz STOP, aby zrezygnowac.",
    },
}

#: What answers a text that cannot be posted into its chat; under the same rules.
NO_REPLY: Final[dict[str, str]] = {
    "en": "Your reply could not be delivered: this chat takes no texts. Please answer in the chat itself.",
    "de": "Ihre Antwort kam nicht an: Dieser Chat nimmt keine SMS an. Bitte antworten Sie im Chat selbst.",
    "fr": "Votre réponse n'est pas arrivée : ce chat n'accepte pas de SMS. Merci de répondre dans le chat.",
    "es": "Tu respuesta no se pudo entregar: este chat no admite SMS. Por favor, responde en el chat.",
    "it": "La risposta non è stata consegnata: questa chat non accetta SMS. Rispondi nella chat, per favore.",
    "pt": "Sua resposta nao foi entregue: este chat nao aceita SMS. Por favor, responda no chat.",
    "nl": "Uw antwoord is niet aangekomen: deze chat neemt geen sms aan. Antwoord alstublieft in de chat zelf.",
    "pl": "Twoja odpowiedz nie dotarla: ten czat nie przyjmuje SMS-ow. Odpowiedz, prosze, w samym czacie.",
}

#: The language of countries that have one among ours; for words that several languages share.
_SPOKEN: Final = {
    country: language
    for language, countries in {
        "de": "DE AT LI",
        "fr": "FR MC GP MQ GF RE YT",
        "es": "ES MX AR CL CO PE EC UY PY BO VE CR GT HN NI PA SV DO CU",
        "it": "IT SM VA",
        "pt": "PT BR AO MZ",
        "nl": "NL",
        "pl": "PL",
    }.items()
    for country in countries.split()
}


def language_of(country: str) -> str:
    """The language to address a phone of this country in, where nothing else tells it (ISO 3166; empty: of none)."""
    return _SPOKEN.get(country, "en")


_LONGEST: Final = 40


def folded(text: str) -> str:
    """A text as keywords are compared: "  Opt-Out! " is "optout".

    Without case, accents, punctuation and spaces, and without the styles that Unicode has for letters (NFKD).
    """
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character.isalnum())


_BY_FOLDED: Final = {folded(keyword.word): keyword for keyword in KEYWORDS}


def keyword(text: str) -> Keyword | None:
    """What the whole text means; None for a text that merely contains a keyword."""
    return _BY_FOLDED.get(folded(text)) if len(text) <= _LONGEST else None
