"""Who says what, and how: speakers, sentences, emotions and recordings of the demo corpus."""

import dataclasses

EMOTIONS = ("angry", "happy", "neutral", "sad")


@dataclasses.dataclass(frozen=True)
class Prosody:
    """How an utterance departs from its speaker's neutral speech.

    Attributes:
        pitch: level, in espeak-ng's steps (0 to 99, neutral at 50).
        range: of the intonation, in the same steps.
        rate: of speech, as a logarithm: 0.1 is about 10 % faster.
        loudness: dB.
        tension: voice quality, from -1 (breathy, soft) to 1 (tense, sharp).
    """

    pitch: float = 0.0
    range: float = 0.0
    rate: float = 0.0
    loudness: float = 0.0
    tension: float = 0.0


RULES = {
    "angry": Prosody(pitch=8, range=22, rate=0.14, loudness=5, tension=1.0),
    "happy": Prosody(pitch=16, range=30, rate=0.10, loudness=2, tension=0.2),
    "neutral": Prosody(),
    "sad": Prosody(pitch=-9, range=-26, rate=-0.16, loudness=-4, tension=-1.0),
}
"""Emotions at full strength."""

VARIATION = Prosody(pitch=6, range=9, rate=0.06, loudness=1.8, tension=0.35)
"""Standard deviations of what every utterance, whatever its emotion, departs by."""


@dataclasses.dataclass(frozen=True)
class Voice:
    """A speaker.

    Attributes:
        speaker: the speaker's name in the corpus.
        gender: "female" or "male".
        name: espeak-ng's accent and voice variant.
        pitch: usual pitch, in espeak-ng's steps.
        rate: usual rate, words a minute.
    """

    speaker: str
    gender: str
    name: str
    pitch: int = 50
    rate: int = 170


@dataclasses.dataclass(frozen=True)
class Production:
    """How a part of the corpus is acted and recorded.

    Attributes:
        strength: lowest and highest share of an emotion's full rule that an utterance shows.
        bandwidth: Hz, where the recording's low-pass filter starts.
        level: dB.
        noise: dB below full scale, standing in the room.
        reverberation: s, until the room's echo has fallen by 60 dB; 0 for none.
    """

    strength: tuple[float, float]
    bandwidth: int
    level: float
    noise: float
    reverberation: float


@dataclasses.dataclass(frozen=True)
class Utterance:
    """One line of the script.

    Attributes:
        session: "" where there is none.
        emotion: "" where it is unlabelled.
        part: "improvised" or "scripted", in name only: both are acted alike; "" where there are no parts.
    """

    id: str
    text: str
    voice: Voice
    session: str
    emotion: str
    production: Production
    part: str = ""

    def __str__(self) -> str:
        return self.id


STUDIO = Production(strength=(0.55, 1.25), bandwidth=7500, level=0, noise=-66, reverberation=0)
LECTURE_HALL = Production(strength=(0, 0), bandwidth=7000, level=-2, noise=-58, reverberation=0.25)
OFFICE = Production(strength=(0.4, 1.1), bandwidth=5000, level=-5, noise=-52, reverberation=0.12)

# None of espeak-ng's Klatt voices (such as Reed) is here: their noise comes from the C library's rand(),
# which is not ours to seed, and would differ from one run to the next.
LABELLED_VOICES = (
    Voice("f01", "female", "en-us+f1", 48, 172),
    Voice("m01", "male", "en-us+m1", 52, 168),
    Voice("f02", "female", "gmw/en-GB-x-rp+f3", 44, 164),
    Voice("m02", "male", "gmw/en-GB-x-rp+m3", 46, 176),
    Voice("f03", "female", "en-us+linda", 42, 180),
    Voice("m03", "male", "en-us+m7", 56, 166),
    Voice("f04", "female", "gmw/en-GB-scotland+f5", 50, 160),
    Voice("m04", "male", "gmw/en-029+Mike", 52, 170),
    Voice("f05", "female", "en-us+steph", 54, 174),
    Voice("m05", "male", "gmw/en-GB-scotland+max", 50, 162),
)

SOURCE_VOICES = (
    Voice("lf01", "female", "en-us+f4", 50, 165),
    Voice("lm01", "male", "en-us+m2", 50, 170),
    Voice("lf02", "female", "en-us+anika", 40, 160),
    Voice("lm02", "male", "en-us+m5", 46, 178),
    Voice("lf03", "female", "gmw/en-GB-x-rp+aunty", 52, 162),
    Voice("lm03", "male", "gmw/en-GB-x-rp+m6", 54, 168),
    Voice("lf04", "female", "gmw/en-GB-x-rp+belinda", 42, 174),
    Voice("lm04", "male", "gmw/en-GB-scotland+m8", 58, 160),
    Voice("lf05", "female", "gmw/en-GB-scotland+grandma", 48, 156),
    Voice("lm05", "male", "en-us+Alex", 50, 172),
    Voice("lf06", "female", "en-us+Alicia", 40, 182),
    Voice("lm06", "male", "en-us+Gene", 52, 166),
    Voice("lf07", "female", "gmw/en-029+Andrea", 40, 164),
    Voice("lm07", "male", "gmw/en-029+pablo", 48, 174),
    Voice("lf08", "female", "gmw/en-029+f4", 46, 170),
    Voice("lm08", "male", "en-us+rob", 46, 160),
    Voice("lf09", "female", "gmw/en-GB-x-rp+anika", 44, 168),
    Voice("lm09", "male", "gmw/en-GB-x-rp+robert", 50, 176),
    Voice("lf10", "female", "gmw/en-GB-scotland+Alicia", 42, 158),
    Voice("lm10", "male", "gmw/en-GB-scotland+travis", 46, 164),
)

CROSS_VOICES = (
    Voice("cf01", "female", "en-us+f2", 50, 176),
    Voice("cm01", "male", "gmw/en-GB-x-rp+m4", 52, 160),
    Voice("cf02", "female", "gmw/en-029+Annie", 44, 168),
    Voice("cm02", "male", "en-us+Michael", 48, 172),
    Voice("cf03", "female", "gmw/en-GB-x-rp+shelby", 52, 162),
    Voice("cm03", "male", "gmw/en-029+victor", 54, 170),
)

LABELLED_SENTENCES = (
    "The train leaves at half past seven.",
    "I put the letters on the kitchen table.",
    "They are coming over on Wednesday.",
    "The blue coat hangs behind the door.",
    "She called me again this morning.",
    "We will be back by the weekend.",
    "He has moved to the other office.",
    "The keys are in the top drawer.",
    "It was raining when we got there.",
    "My brother is cooking dinner tonight.",
    "You can leave your bicycle outside.",
    "The shop on the corner has closed.",
)

CROSS_SENTENCES = (
    "The parcel came an hour ago.",
    "Nobody told me about the meeting.",
    "There are two seats left in the front.",
    "The neighbours have bought a dog.",
    "I found your umbrella in the car.",
    "They want to paint the whole house.",
    "The bus stops right across the street.",
    "We saw him at the market yesterday.",
    "The garden gate has been left open.",
    "She is going to read it tomorrow.",
)

SOURCE_SENTENCES = (
    "Let us begin with a short definition.",
    "The next slide shows the same result.",
    "Every river carries some sand to the sea.",
    "This method was first used in chemistry.",
    "We measured the temperature twice a day.",
    "The second term is usually very small.",
    "A map is always a kind of summary.",
    "Most of these plants grow in the shade.",
    "The curve flattens out at the end.",
    "Three groups took part in the study.",
    "Glass is made from sand and ash.",
    "The answer depends on the starting point.",
    "Trade along the coast grew slowly.",
    "You can read about it in chapter four.",
    "The older model needs more memory.",
    "Sound travels faster in warm air.",
    "The city was rebuilt in stone.",
    "Here is a list of the main sources.",
    "Each cell contains a single nucleus.",
    "The error falls as the sample grows.",
    "Bread was baked once a week.",
    "The two languages share many words.",
    "A bridge has to carry its own weight.",
    "The light bends as it enters the water.",
    "Their letters are kept in the archive.",
    "We come back to this question later.",
    "The harbour was too shallow for ships.",
    "The third column gives the totals.",
    "Birds return to the island in spring.",
    "The engine turns heat into motion.",
    "This page was copied by hand.",
    "The proof takes only a few lines.",
    "The soil here is rich in iron.",
    "Prices were written on the wall.",
    "The signal repeats every ten seconds.",
    "An old road runs along the valley.",
    "The experiment was done in the dark.",
    "Paper was still expensive at that time.",
    "The planet turns once in ten hours.",
    "That brings us to the last example.",
)


def labelled(takes: int | None = None) -> list[Utterance]:
    """Ten speakers in five sessions of two; each says the first `takes` of 12 sentences in every emotion."""
    return _acted("ses", LABELLED_VOICES, LABELLED_SENTENCES[:takes], STUDIO)


def cross(takes: int | None = None) -> list[Utterance]:
    """Six other speakers in three sessions, 10 other sentences; acted and recorded in another way."""
    return _acted("office", CROSS_VOICES, CROSS_SENTENCES[:takes], OFFICE)


def source(takes: int | None = None) -> list[Utterance]:
    """Twenty lecturers, each saying the first `takes` of 40 sentences, without emotions or sessions."""
    return [
        Utterance(f"lecture_{voice.speaker}_{number:02d}", text, voice, "", "", LECTURE_HALL)
        for voice in SOURCE_VOICES
        for number, text in enumerate(SOURCE_SENTENCES[:takes], start=1)
    ]


PARTS = {"labelled": labelled, "source": source, "cross": cross}


def _acted(
    session: str, voices: tuple[Voice, ...], sentences: tuple[str, ...], production: Production
) -> list[Utterance]:
    return [
        Utterance(
            f"{session}{place // 2 + 1}_{voice.speaker}_{number:02d}_{emotion}",
            text,
            voice,
            f"{session}{place // 2 + 1}",
            emotion,
            production,
            "improvised" if number % 2 else "scripted",
        )
        for place, voice in enumerate(voices)
        for number, text in enumerate(sentences, start=1)
        for emotion in EMOTIONS
    ]
