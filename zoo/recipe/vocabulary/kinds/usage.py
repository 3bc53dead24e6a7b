"""How each kind's exported folder is used with plain transformers: what cards show, and tests run.

The folder is `.`; a card on the hub has the repository's name in its place.
"""

CONTINUES = """
from transformers import pipeline

write = pipeline("text-generation", model=".")
print(write("Once upon a time", max_new_tokens=20)[0]["generated_text"])
"""
TALKS = """
from transformers import pipeline

write = pipeline("text-generation", model=".")
chat = [{"role": "user", "content": "Who are you?"}]
print(write(chat, max_new_tokens=20)[0]["generated_text"][-1]["content"])
"""
FILLS = """
from transformers import pipeline

fill = pipeline("fill-mask", model=".")
print(fill(f"This is a {fill.tokenizer.mask_token}."))
"""
CLASSIFIES_TEXTS = """
from transformers import pipeline

classify = pipeline("text-classification", model=".")
print(classify("A text of yours.", truncation=True))  # a pair: {"text": ..., "text_pair": ...}
"""
JUDGES = """
from transformers import pipeline

judge = pipeline("text-classification", model=".")
print(judge("A prompt of yours, and an answer to it.", truncation=True))  # the reward: no share
"""
REWRITES = """
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

tokenizer, model = AutoTokenizer.from_pretrained("."), AutoModelForSeq2SeqLM.from_pretrained(".")
inputs = tokenizer("A text of yours.", return_tensors="pt")
print(tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True))
"""
TAGS = """
from transformers import pipeline

tag = pipeline("token-classification", model=".", aggregation_strategy="first")
print(tag("A text of yours."))
"""
ANSWERS_QUESTIONS = """
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
model = AutoModelForQuestionAnswering.from_pretrained(".")
question, context = "What is it?", "It is a text of yours."
inputs = tokenizer(question, context, return_tensors="pt")
found = model(**inputs)
first = found.start_logits[0].argmax()
last = first + found.end_logits[0, first:].argmax()  # no text, but the first token: no answer
print(tokenizer.decode(inputs.input_ids[0, first : last + 1]))
"""
CLASSIFIES_IMAGES = """
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

processor = AutoImageProcessor.from_pretrained(".", backend="pil")
model = AutoModelForImageClassification.from_pretrained(".")
image = Image.open("image.jpg").convert("L" if model.config.num_channels == 1 else "RGB")
best = model(**processor(image, return_tensors="pt")).logits.argmax(-1).item()
print(model.config.id2label[best])
"""
DETECTS = """
from transformers import AutoImageProcessor, pipeline

processor = AutoImageProcessor.from_pretrained(".", backend="pil")
detect = pipeline("object-detection", model=".", image_processor=processor)
print(detect("image.jpg"))
"""
SEGMENTS = """
from transformers import AutoImageProcessor, pipeline

processor = AutoImageProcessor.from_pretrained(".", backend="pil")
segment = pipeline("image-segmentation", model=".", image_processor=processor)
print([one["label"] for one in segment("image.jpg", subtask="semantic")])
"""
TRANSCRIBES = """
import soundfile
from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

extractor = AutoFeatureExtractor.from_pretrained(".")
tokenizer, model = AutoTokenizer.from_pretrained("."), AutoModelForCTC.from_pretrained(".")
# One channel, at extractor.sampling_rate:
audio, rate = soundfile.read("speech.wav", dtype="float32")
inputs = extractor(audio, sampling_rate=rate, return_tensors="pt")
print(tokenizer.batch_decode(model(**inputs).logits.argmax(-1)))
"""
HEARS = """
import soundfile
from transformers import AutoFeatureExtractor, AutoModelForSpeechSeq2Seq, AutoTokenizer

extractor = AutoFeatureExtractor.from_pretrained(".")
tokenizer = AutoTokenizer.from_pretrained(".")
model = AutoModelForSpeechSeq2Seq.from_pretrained(".")
# One channel, at extractor.sampling_rate:
audio, rate = soundfile.read("speech.wav", dtype="float32")
inputs = extractor(audio, sampling_rate=rate, return_tensors="pt")
print(tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True))
"""
