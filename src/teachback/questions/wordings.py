"""How seven languages announce a conclusion: words in a table, one entry for each language.

A wording is data. What is built of it stands in `teachback.questions.announcements`. To add a
language, add an entry to ``WORDINGS``; white space in a phrase stands for any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one language, in small letters.

    In "Therefore, the final answer to this question is probably (B)", "therefore" is one of the
    ``leads``, "the" of the ``determiners``, "final" of the ``adjectives``, "answer" of the
    ``nouns``, "to" and "this" open a qualification (``of``, ``which``), "is" is a ``copulas`` and
    "probably" one of the ``adverbs``. Everything may be empty but ``nouns``.
    """

    nouns: tuple[str, ...]
    copulas: tuple[str, ...]
    leads: tuple[str, ...]
    spaced: bool = True
    """Whether white space divides its words."""
    qualified_nouns: Mapping[str, str] = field(default_factory=dict)
    """Nouns that announce behind one word only: "the true statement is …"."""
    after_noun: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    which: tuple[str, ...] = ()
    adverbs: tuple[str, ...] = ()
    that: tuple[str, ...] = ()
    colons: str = ":="
    concluding: tuple[str, ...] = ()
    """ "we can conclude that" """
    determiners: tuple[str, ...] = ()
    adjectives: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    """Alone on a line, above the answer; also those that are left behind without one."""
    copula_first: tuple[str, ...] = ()
    """ "Somit ist die Antwort …" """
    is_the: tuple[str, ...] = ()
    """ "(C) … is the answer" """
    negations: tuple[str, ...] = ()
    """At a statement's beginning: "not B"."""
    negations_after: tuple[str, ...] = ()
    """Behind what they deny: 「Bではない」."""
    no_negations: tuple[str, ...] = ()
    """What follows a negation that is a conclusion all the same: "not among the options"."""
    other: tuple[str, ...] = ()
    """Before a noun that is not the writer's answer: "each", "wrong"."""
    suppositions: tuple[str, ...] = ()
    """Before all of it: "if", "one might think"."""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    """Words for yes and no, and which of them it is."""
    it_is: tuple[str, ...] = ()
    """Between a lead and a verdict: "hence it is false"."""
    statement_is: tuple[str, ...] = ()
    """ "the statement is", before a verdict."""
    results: tuple[str, ...] = ()
    """Verbs and phrases that lead to a result by themselves: "gives us", "spells", "reads"."""
    states: tuple[str, ...] = ()
    """Verbs that lead to one in a sentence that concludes: "so the code is KX-41"."""
    combining: tuple[str, ...] = ()
    """Words of a sentence that puts the parts of an answer together: "concatenating"."""
    chatter: tuple[str, ...] = ()
    """How sentences to the reader begin that follow an answer: "I hope this helps"."""
    asides: tuple[str, ...] = ()
    """How sentences begin that check or comment on a conclusion that stands before them."""
    denials: tuple[str, ...] = ()
    """Words anywhere in a sentence that make what it names no conclusion: "not", "neither"."""
    withdrawals: tuple[str, ...] = ()
    """What takes back every conclusion before it: "cannot be determined", "I don't know"."""
    negators: tuple[str, ...] = ()
    """Words that turn a statement round: "He was *not* alive". Empty: none is understood."""
    hedges: tuple[str, ...] = ()
    """Words that keep a sentence from settling anything: "perhaps", "it depends"."""
    greetings: tuple[str, ...] = ()
    """How sentences begin before any answer: "Sure!" """
    explaining: tuple[str, ...] = ()
    """How what follows an answer begins that was given first: "Here's the breakdown"."""


_CANNOT_EN = (
    "cannot",
    "can't",
    "can’t",
    "can not",
    "could not",
    "couldn't",
    "couldn’t",
    "unable to",
    "impossible to",
    "not possible to",
    "not able to",
    "no way to",
    "hard to",
    "difficult to",
)
_FIND_OUT_EN = (
    "be determined", "determine", "be answered", "answer", "say", "be said", "tell", "be told",
    "know", "be known", "decide", "be decided", "conclude", "be sure", "be certain", "choose",
    "be calculated", "calculate", "be worked out", "work out", "be settled", "settle", "give an",
    "give a", "pick",
)  # fmt: skip
_YES_NO_EN = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}

WORDINGS: dict[str, Wording] = {
    "en": Wording(
        nouns=("answer", "option", "choice"),
        qualified_nouns={"statement": "true"},
        after_noun=("choice", "option", "here"),
        of=("to", "for", "from", "of", "among", "in"),
        which=("the", "this", "these", "that", "your", "all", "given", "above"),
        copulas=(
            "is", "was", "must be", "should be", "would be", "will be", "has to be",
            "can only be", "would therefore be", "remains", "becomes",
        ),
        adverbs=("therefore", "thus", "clearly", "most likely", "probably"),
        that=("that",),
        leads=(
            "so", "therefore", "thus", "hence", "accordingly", "consequently", "in conclusion",
            "in summary", "finally", "overall", "as a result", "and so", "and therefore",
            "and thus", "and hence", "this means", "that means", "which means", "this leaves",
            "that leaves", "in total", "altogether", "in all",
        ),
        concluding=tuple(
            f"{who} {can}{verb}{that}"
            for who in ("we", "i")
            for can in ("", "can ", "may ")
            for verb in ("conclude", "infer", "deduce", "determine")
            for that in (" that", "")
        ),
        determiners=("the", "my", "our", "your", "this"),
        adjectives=(
            "final", "correct", "true", "best", "right", "only", "most", "likely", "plausible",
            "logical", "suitable", "appropriate", "accurate", "fitting", "reasonable", "probable",
            "direct", "single", "overall", "closest", "remaining",
        ),
        headings=("answer", "final answer", "correct answer"),
        is_the=("is", "would be", "must be"),
        negations=("not", "never"),
        no_negations=(
            "listed", "given", "among", "provided", "available", "present", "in", "any", "here",
            "clear", "known", "certain", "determined", "possible", "obvious",
        ),
        other=(
            "no", "any", "each", "every", "which", "what", "another", "other", "wrong",
            "incorrect", "false", "bad", "worst", "unlikely", "not the", "not the right",
            "not the correct", "not the best", "least likely", "least plausible", "least suitable",
        ),
        suppositions=(
            "if", "whether", "unless", "suppose", "supposing", "assuming",
            *(
                f"{who} {may} {think}"
                for who in ("one", "you", "some", "many", "people", "someone")
                for may in ("might", "may", "could", "would")
                for think in ("think", "believe", "say", "claim", "guess", "assume", "conclude")
            ),
            *(
                f"{deny} {think}"
                for deny in ("not", "never", "cannot", "don't", "don’t", "can't", "can’t",
                             "wrong to", "tempting to")
                for think in ("think", "believe", "say", "claim", "guess", "assume", "conclude",
                              "mean", "suggest")
            ),
        ),
        verdicts=_YES_NO_EN,
        it_is=("it is", "it's", "it’s", "this is", "that is", "that's", "that’s"),
        statement_is=tuple(
            f"{the} {what} is"
            for the in ("the", "this")
            for what in ("statement", "claim", "assertion", "premise", "proposition")
        ),
        results=("which makes", "which gives", "turns out to be", "comes out as",
            "gives us", "give us", "spells out", "spells", "reads", "yields", "results in",
            "we get", "you get", "we obtain", "leaves us with", "the result is", "the output is",
            "the word is", "the code is", "the string is"),
        states=("that's", "that’s", "it's", "it’s", "gives", "give", "spell", "produces", "forms",
            "form", "creates",
            "makes", "equals", "becomes", "get", "obtain", "we have", "leaves", "is left with",
            "end up with", "ends up", "is", "was", "are", "will be", "would be", "must be"),
        combining=(
            "concatenating", "concatenated", "concatenation", "combining", "combined", "joining",
            "joined", "putting", "put together", "together", "assembling", "altogether",
        ),
        chatter=(
            "i hope", "hope this", "hope that", "let me know", "please let me", "feel free",
            "if you have any", "if you need any", "would you like me", "do you have any",
            "happy to help",
            "is there anything", "thank you for", "thanks for", "good luck", "great question",
        ),
        asides=("note that", "note:", "check:", "to check", "to verify", "we can check",
                "you can check", "let's check", "let us check", "let me check", "let’s check",
            "let's verify",
                "let me verify", "let's double-check", "double-check", "double check",
                "we can verify",
                "verification", "this matches", "this makes sense", "checking", "as a check",
                "quick check", "sanity check", "(check", "(note", "tip", "fun fact", "side note",
                "by the way", "incidentally", "interestingly", "bonus", "ps", "p.s.", "disclaimer",
                "some people", "many people", "some say", "others", "other", "people often", "remember", "consider",
                "analyze", "evaluate", "examine",
                "look at", "looking at"),
        denials=("not", "n't", "n’t", "cannot", "neither", "nor", "never", "rather than",
                 "instead of",
                 "unlike", "except", "or", "either", "unclear", "unsure", "incorrect", "wrong",
                 "maybe", "if", "might", "could be", "ruled out", "eliminate", "wait",
                 "unlikely", "irrelevant", "unrelated", "contradicts", "contrasts", "opposite",
                 "less",
                 "eliminated", "contradiction", "contradict"),
        withdrawals=(
            *(f"{cannot} {find_out}" for cannot in _CANNOT_EN for find_out in _FIND_OUT_EN),
            "don't know", "don’t know", "do not know", "not sure", "unsure", "not certain",
            "not enough information", "not enough data", "insufficient", "no idea", "i give up",
            "no way of knowing", "no way of telling", "not know for certain",
        ),
        negators=(
            "not", "n't", "n’t", "no", "never", "cannot", "nobody", "nothing", "none", "neither",
            "impossible", "unable", "hardly", "fails to", "failed to", "far from", "false",
            "untrue", "incorrect", "without",
        ),
        hedges=(
            "may", "might", "maybe", "perhaps", "possibly", "unclear", "unsure", "depends",
            "depending", "unless", "whether", "debatable", "disputed", "some say", "arguably",
            "either", "or", "unknown", "doubtful", "open question", "seems", "one would think",
            "you would think", "i wonder", "suppose", "if",
        ),
        greetings=(
            "sure", "certainly", "of course", "okay", "ok", "great", "absolutely", "alright",
            "let's", "let’s", "let us", "let me", "to solve", "to answer", "to find", "happy to",
            "first", "we need to", "we are", "the question",
        ),
        explaining=(
            "here's", "here’s", "here is", "here are", "because", "this is because", "why",
            "that's because", "that’s because", "explanation", "reasoning", "reason", "breakdown",
            "to see why", "the reason", "steps", "working", "calculation", "step by step",
            "how i got", "to get this", "to explain", "let me explain", "details", "justification",
            "step 1", "solution", "proof", "how", "we can see this", "you can see this",
        ),
    ),
    "de": Wording(
        nouns=("antwort", "lösung", "ergebnis", "antwortmöglichkeit", "antwortoption"),
        of=("auf", "zu", "von", "für", "unter", "der"),
        which=("die", "diese", "der", "dieser", "den", "diesen", "dem", "frage", "aufgabe"),
        copulas=("ist", "lautet", "wäre", "war", "muss", "bleibt"),
        adverbs=("also", "daher", "somit", "folglich", "demnach", "damit", "daher also",
                 "wahrscheinlich", "offensichtlich", "eindeutig"),
        leads=("also", "daher", "somit", "deshalb", "folglich", "demnach", "damit", "deswegen",
               "zusammenfassend", "schließlich", "insgesamt", "und damit", "und somit"),
        concluding=("wir schließen daraus, dass", "daraus folgt, dass", "wir folgern, dass",
                    "das bedeutet, dass"),
        determiners=("die", "das", "meine", "unsere", "unser", "diese"),
        adjectives=("richtige", "korrekte", "endgültige", "finale", "beste", "einzige",
                    "wahrscheinlichste", "plausibelste", "richtiges", "korrektes"),
        headings=("antwort", "endgültige antwort", "richtige antwort", "finale antwort"),
        copula_first=("ist", "lautet", "wäre"),
        is_the=("ist", "wäre"),
        negations=("nicht", "niemals", "nie", "keinesfalls"),
        no_negations=("aufgeführt", "angegeben", "dabei", "unter", "bekannt", "bestimmbar",
                      "klar", "möglich", "vorhanden"),
        other=("keine", "kein", "jede", "jedes", "welche", "welches", "falsche", "andere",
               "eine andere", "unwahrscheinlichste"),
        suppositions=("wenn", "falls", "ob", "angenommen", "sofern", "man könnte meinen, dass",
                      "man könnte denken, dass", "man könnte denken,", "man könnte meinen,"),
        verdicts={"ja": "yes", "nein": "no", "richtig": "yes", "wahr": "yes", "falsch": "no",
                  "unwahr": "no"},
        it_is=("ist es", "ist das", "ist dies", "es ist", "das ist"),
        statement_is=("die aussage ist", "die behauptung ist", "diese aussage ist"),
        results=("ergibt sich", "erhalten wir", "wir erhalten", "liefert", "beträgt"),
        states=("ergibt", "ergeben", "lautet", "bilden", "bildet", "ist", "sind", "bleiben"),
        chatter=("ich hoffe", "lass mich wissen", "falls du noch", "falls sie noch",
                 "wenn du noch", "falls sie weitere", "viel erfolg"),
        asides=("zur kontrolle", "probe:", "hinweis", "beachte"),
        denials=("nicht", "kein", "keine", "weder", "oder", "niemals", "statt",
                 "vielleicht", "falls"),
        withdrawals=("lässt sich nicht sagen", "kann man nicht sagen", "weiß ich nicht", "weiß es nicht", "nicht bestimmen", "nicht zu beantworten", "nicht beantworten"),
        negators=("nicht", "kein", "keine", "keinen", "keiner", "nie", "niemals", "unmöglich"),
        hedges=("vielleicht", "möglicherweise", "könnte sein", "ob", "falls", "oder", "kommt darauf an"),
        explaining=("denn", "begründung", "erklärung", "rechnung", "weil", "hier ist", "rechenweg"),
    ),
    "fr": Wording(
        nouns=("réponse", "reponse"),
        after_noun=("correcte", "finale", "exacte", "juste", "attendue"),
        of=("à", "de", "pour", "parmi"),
        which=("la", "cette", "les", "ces", "l'énigme", "l’énigme", "votre"),
        copulas=("est", "sera", "serait", "était", "doit être", "reste"),
        adverbs=("donc", "alors", "ainsi", "probablement", "clairement", "par conséquent"),
        leads=("donc", "ainsi", "alors", "par conséquent", "en conclusion", "en résumé",
               "finalement", "c'est pourquoi", "c’est pourquoi", "au final", "en conséquence"),
        concluding=("on conclut que", "nous concluons que", "on en déduit que",
                    "nous pouvons conclure que", "on peut conclure que"),
        determiners=("la", "ma", "notre", "cette"),
        adjectives=("bonne", "vraie", "seule", "meilleure", "juste"),
        headings=("réponse", "réponse finale", "la réponse"),
        is_the=("est", "serait"),
        negations=("pas", "jamais"),
        other=("aucune", "chaque", "quelle", "mauvaise", "fausse", "autre", "une autre"),
        suppositions=("si", "supposons que", "en supposant que", "on pourrait penser que",
                      "on pourrait croire que"),
        verdicts={"oui": "yes", "non": "no", "vrai": "yes", "vraie": "yes", "faux": "no",
                  "fausse": "no"},
        it_is=("c'est", "c’est", "il est", "elle est"),
        statement_is=("l'affirmation est", "l’affirmation est", "cette affirmation est"),
        results=("on obtient", "nous obtenons"),
        states=("donne", "donnent", "forme", "forment", "est", "sont", "reste", "restent",
            "vaut", "devient"),
        chatter=("j'espère", "j’espère", "n'hésitez", "n’hésitez", "n'hésite",
                 "si vous avez d'autres", "si vous avez des questions"),
        asides=("vérification", "vérifions", "remarque", "notez"),
        denials=("pas", "ni", "jamais", "ou", "aucun", "aucune", "peut-être", "plutôt que"),
        withdrawals=("impossible de dire", "ne sais pas", "ne peut pas répondre", "impossible à déterminer"),
        negators=("pas", "jamais", "aucun", "aucune", "impossible"),
        hedges=("peut-être", "si", "ou", "cela dépend", "ça dépend"),
        explaining=("parce que", "car", "explication", "voici", "calcul"),
    ),
    "es": Wording(
        nouns=("respuesta", "opción"),
        after_noun=("correcta", "final", "definitiva", "adecuada"),
        of=("a", "de", "para", "entre"),
        which=("la", "esta", "las", "estas", "este", "tu", "su"),
        copulas=("es", "será", "sería", "era", "debe ser", "tiene que ser"),
        adverbs=("entonces", "por lo tanto", "por tanto", "pues", "probablemente", "claramente"),
        leads=("por lo tanto", "por tanto", "así que", "entonces", "así", "en conclusión",
               "en resumen", "finalmente", "por consiguiente", "de modo que", "luego"),
        concluding=("concluimos que", "podemos concluir que", "se concluye que",
                    "se deduce que"),
        determiners=("la", "mi", "nuestra", "esta"),
        adjectives=("única", "mejor", "verdadera"),
        headings=("respuesta", "respuesta final", "respuesta correcta", "la respuesta"),
        is_the=("es", "sería"),
        negations=("no", "nunca"),
        no_negations=("está", "aparece", "figura", "."),
        other=("ninguna", "cada", "cuál", "qué", "otra", "mala", "falsa"),
        suppositions=("si", "suponiendo que", "se podría pensar que", "uno podría pensar que"),
        verdicts={"sí": "yes", "no": "no", "verdadero": "yes", "verdadera": "yes",
                  "cierto": "yes", "falso": "no", "falsa": "no"},
        it_is=("es", "esto es", "eso es"),
        statement_is=("la afirmación es", "esta afirmación es", "el enunciado es"),
        results=("obtenemos", "se obtiene", "equivale a"),
        states=("da", "dan", "forma", "forman", "es", "son", "quedan", "queda", "resulta"),
        chatter=("espero que", "avísame", "si tienes más", "si tienes alguna", "no dudes"),
        asides=("comprobación", "comprobemos", "verifiquemos", "nota:"),
        denials=("no", "ni", "nunca", "o el", "o la", "o un", "o una", "o bien", "ninguna", "ninguno", "quizás", "tal vez"),
        withdrawals=("no se puede determinar", "no se puede saber", "no lo sé", "imposible saber"),
        negators=("no", "nunca", "jamás", "imposible", "tampoco"),
        hedges=("quizás", "tal vez", "quizá", "si", "o", "depende"),
        explaining=("porque", "explicación", "aquí está", "cálculo"),
    ),
    "ru": Wording(
        nouns=("ответ", "ответом", "вариант", "результат"),
        of=("на", "к", "из"),
        which=("этот", "вопрос", "данный", "задачу", "задаче", "этих"),
        copulas=("—", "–", "-", "будет", "является", "равен", "это", "— это"),
        leads=("итак", "следовательно", "таким образом", "поэтому", "значит", "в итоге", "отсюда",
               "в результате"),
        concluding=("мы заключаем, что", "можно сделать вывод, что"),
        determiners=("мой", "наш", "этот"),
        adjectives=("правильный", "правильным", "верный", "верным", "окончательный", "итоговый",
                    "единственный", "лучший", "наиболее", "вероятный"),
        headings=("ответ", "окончательный ответ", "итоговый ответ"),
        is_the=("—", "это"),
        negations=("не",),
        no_negations=("указан", "представлен", "определён", "определен", "известен"),
        other=("неправильный", "неверный", "каждый", "другой", "какой", "любой"),
        suppositions=("если", "предположим, что", "можно подумать, что"),
        verdicts={"да": "yes", "нет": "no", "верно": "yes", "неверно": "no", "правда": "yes",
                  "ложь": "no", "истина": "yes"},
        it_is=("это",),
        statement_is=("утверждение", "это утверждение"),
        results=("получаем", "получается", "получится", "даёт", "дает"),
        states=("равно", "равен", "составляет", "образуют", "будет", "осталось", "остаётся",
            "останется", "—"),
        chatter=("надеюсь", "если у вас есть вопросы", "если остались", "дайте знать", "удачи"),
        asides=("проверка", "проверим", "примечание"),
        denials=("не", "ни", "или", "никогда", "возможно"),
        withdrawals=("нельзя определить", "невозможно определить", "не знаю", "нельзя сказать"),
        negators=("не", "нет", "никогда", "нельзя", "невозможно"),
        hedges=("возможно", "может быть", "если", "или", "зависит"),
        explaining=("потому что", "объяснение", "решение", "вот"),
    ),
    "zh": Wording(
        spaced=False,
        nouns=("答案", "正确选项", "正确的选项", "正解"),
        copulas=("应该是", "应当是", "应该为", "就是", "应为", "是", "为", "选"),
        adverbs=("选项", "显然"),
        colons=":：=",
        leads=("因此", "所以", "综上所述", "综上", "总之", "故", "于是", "由此可知", "由此可见",
               "最后", "那么"),
        concluding=("我们可以得出", "可以得出", "可知", "得出", "我们得到"),
        determiners=("这道题的", "本题的", "问题的", "本题", "我的"),
        adjectives=("正确的", "正确", "最终的", "最终", "最佳", "唯一的"),
        headings=("答案", "最终答案", "正确答案"),
        is_the=("是", "为"),
        negations=("不是", "不"),
        other=("错误的", "错误", "不正确的", "每个", "哪个", "其他", "其它", "任何"),
        suppositions=("如果", "假如", "假设", "若", "有人可能认为", "可能会认为"),
        verdicts={"是的": "yes", "是": "yes", "对": "yes", "正确": "yes", "真": "yes", "不是": "no",
                  "否": "no", "不对": "no", "错误": "no", "错": "no", "不正确": "no", "假": "no"},
        it_is=("这是", "它是", "答案"),
        statement_is=("该说法是", "这个说法是", "该陈述是", "这种说法是", "该说法", "这个说法"),
        results=("得到", "得出", "组成", "拼成", "等于", "结果是", "结果为"),
        states=("就是", "剩下", "还剩", "一共有", "共有", "是", "为", "有"),
        chatter=("希望这", "希望对", "如果您有任何", "如果你有任何", "如有疑问", "祝你", "祝您"),
        asides=("验证", "检验", "检查", "注意", "注："),
        denials=("不是", "不", "没", "或", "可能", "如果"),
    ),
    "ja": Wording(
        spaced=False,
        nouns=("答え", "答", "正解", "回答", "解答", "正しい選択肢", "正答"),
        copulas=("は", "が"),
        colons=":：=",
        leads=("したがって", "従って", "よって", "つまり", "だから", "そのため", "ゆえに",
               "以上から", "以上より", "結論として", "最終的に", "それゆえ"),
        determiners=("この問題の", "問題の"),
        adjectives=("正しい", "最終的な", "最終", "最も適切な"),
        headings=("答え", "最終的な答え", "正解", "回答", "解答"),
        is_the=("が", "は"),
        negations_after=("ではない", "ではありません", "じゃない", "でない"),
        other=("間違った", "誤った", "他の", "各", "どの", "不正解の"),
        suppositions=("もし", "仮に"),
        verdicts={"はい": "yes", "いいえ": "no", "正しい": "yes", "真": "yes", "誤り": "no",
                  "偽": "no", "間違い": "no", "正しくない": "no"},
        it_is=("それは", "これは", "答えは"),
        statement_is=("この記述は", "この主張は", "その主張は", "この文は"),
        results=("になります", "となります", "になる", "となる", "合計は", "結果は"),
        states=("は", "残りは"),
        chatter=("お役に立て", "ご参考", "他にご", "何かご"),
        asides=("検算", "確認", "注意"),
        denials=("ない", "ません", "または", "か、", "もし", "かもしれ"),
    ),
}  # fmt: skip
"""By ISO 639-1. English is always understood, whatever else is."""
