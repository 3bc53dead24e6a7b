"""The kinds of task that hear speech."""

from zoo.recipe.spec.tasks.speech import CTCSpec, SpeechSeq2SeqSpec
from zoo.recipe.vocabulary.amounts import OF_CLIPS, OF_WINDOWS
from zoo.recipe.vocabulary.kinds.kind import Kind
from zoo.recipe.vocabulary.kinds.usage import HEARS, TRANSCRIBES
from zoo.recipe.vocabulary.scores import OF_TRANSCRIPTS

SPEECH: dict[str, Kind] = {
    "ctc": Kind(
        spec=CTCSpec,
        task="zoo.tasks.kinds.ctc:CTC",
        head="AutoModelForCTC",
        roles=(("audio", "transcript"),),
        built_in=("morse",),
        scores=OF_TRANSCRIPTS,
        unit="characters",
        may_be_blank=("transcript",),
        amounts=OF_CLIPS,
        predictor="zoo.predicting.speech:Transcription",
        pipeline="automatic-speech-recognition",
        usage=TRANSCRIBES,
    ),
    "speech-seq2seq": Kind(
        spec=SpeechSeq2SeqSpec,
        task="zoo.tasks.kinds.speech_seq2seq:SpeechSeq2Seq",
        head="AutoModelForSpeechSeq2Seq",
        roles=(("audio", "transcript"),),
        built_in=("morse",),
        scores=OF_TRANSCRIPTS,
        unit="tokens",
        may_be_blank=("transcript",),
        generates=True,
        amounts=OF_WINDOWS,
        predictor="zoo.predicting.speech:Hearing",
        pipeline="automatic-speech-recognition",
        usage=HEARS,
    ),
}
