"""A story under construction: templates, characters, openings and endings.

Template language: [a|b|] picks one alternative (may nest, may be empty), {key} is a value of the story,
"@a" becomes "a" or "an". Sentences and quotations get their capital letter afterwards, so templates may
start with any value.
"""
import re

import words as w

_TOKEN = re.compile(r"[\[\]|]|\{[a-zA-Z0-9_]+\}|[^\[\]|{]+")
_cache = {}


def _sequence(tokens, i, inside):
    """Parse alternatives from token i on; returns (list of alternatives, next index)."""
    alternatives, current = [], []
    while i < len(tokens):
        t = tokens[i]
        i += 1
        if t == "[":
            choice, i = _sequence(tokens, i, True)
            current.append(choice)
        elif t == "]" and inside:
            break
        elif t == "|" and inside:
            alternatives.append(current)
            current = []
        elif t[0] == "{":
            current.append((t[1:-1],))
        else:
            current.append(t)
    alternatives.append(current)
    return alternatives, i


def _parse(text):
    tree = _cache.get(text)
    if tree is None:
        tree = _sequence(_TOKEN.findall(re.sub(r"\s+", " ", text).strip()), 0, False)[0][0]
        _cache[text] = tree
    return tree


_ARTICLE = re.compile(r"@([aA]) (\"?)([a-zA-Z]+)")
_SENTENCE = re.compile(r"(^|[.!?] |\n|\.\" )([a-z])")     # after ?" and !" the sentence may go on
_QUOTE = re.compile(r"(^|[\s>])\"([a-z])")


def _article(m):
    word = m.group(3).lower()
    vowel = word[0] in "aeiou" and not word.startswith(("uni", "use", "one"))
    return m.group(1) + ("n " if vowel else " ") + m.group(2) + m.group(3)


def polish(text):
    """Spaces, articles and capital letters of a finished text."""
    text = re.sub(r" +", " ", text)
    text = re.sub(r" ([.,!?])", r"\1", text)
    text = re.sub(r"([!?]\")\.", r"\1", text)
    text = re.sub(r"([a-z])\"\.", r'\1."', text)
    text = _ARTICLE.sub(_article, text)
    text = _SENTENCE.sub(lambda m: m.group(1) + m.group(2).upper(), text)
    return _QUOTE.sub(lambda m: m.group(1) + '"' + m.group(2).upper(), text)


PRONOUNS = {"he": ("he", "him", "his", "himself"), "she": ("she", "her", "her", "herself")}


class Who:
    """A character: how it is called at first, later, and its pronouns."""

    def __init__(self, kind, noun, name, pronoun, adjective="little"):
        self.kind, self.noun, self.name, self.adjective = kind, noun, name, adjective
        self.he, self.him, self.his, self.himself = PRONOUNS[pronoun]
        self.food = self.home = ""
        if kind == "animal":
            self.home, self.food = w.ANIMALS[noun][:2]
        elif kind == "role":
            self.home = w.ROLES[noun][1]

    @property
    def short(self):
        return self.name or "the " + self.noun

    def first(self, rng):
        """A first mention: 'a little fox named Pip'."""
        a = "@a " + (self.adjective + " " if self.adjective else "") + self.noun
        if not self.name:
            return a
        return a + rng.choice([" named ", " named ", " called ", " whose name was "]) + self.name


def invented_name(rng):
    """A name nobody has heard: the model must learn to copy names, not to know them."""
    onset = rng.choice(w.ONSET)
    name = onset if onset[-1] in "AEIOUeu" else onset + rng.choice(w.VOWEL)
    for _ in range(rng.choice([1, 1, 1, 1, 2])):
        name += rng.choice(w.MIDDLE) + rng.choice(w.VOWEL)
    coda = rng.choice(w.CODA)
    if coda and (name[-1] in "aeiouy") == (coda[0] in "aeiouy"):
        name = name[:-1] if len(name) > 3 else name + "n"
    name += coda
    return name if len(name) > 3 else name + "na"


def any_name(rng, pronoun, animal=False):
    r = rng.random()
    if r < 0.16:
        return invented_name(rng)
    if r < 0.26:
        return rng.choice(w.WORD_NAMES)
    if animal and r < 0.9:
        return rng.choice(w.PETS)
    if r < 0.5:
        return rng.choice(w.MORE_NAMES if pronoun == "she" else w.MORE_NAMES_HE)
    return rng.choice(w.GIRLS if pronoun == "she" else w.BOYS)


PREPOSITION = [("on", "a farm|a sandy bank|a green hill|a rocky hill|an island|a sunny rock|the wide|the plain|a snowy|a smooth|"
                      "a green leaf|a big leaf|a shelf|a little ship|a blue boat|a high mountain"),
               ("under", "a mossy stone"), ("at", "the top of")]


def at_home(home):
    """'in a cosy den', 'on a farm'."""
    for word, starts in PREPOSITION:
        if home.startswith(tuple(starts.split("|"))):
            return word + " " + home
    return "in " + home


ADJECTIVES = ["little", "little", "little", "small", "young", "tiny", ""] + w.TRAITS


def make_who(rng, kind=None, noun=None, name=None, pronoun=None, adjective=None, avoid=None):
    """A random character, with what the caller fixed kept."""
    kind = kind or rng.choices(["child", "animal", "role"], [50, 43, 7])[0]
    pronoun = pronoun or rng.choice(["he", "she"])
    if kind == "child":
        noun = "girl" if pronoun == "she" else "boy"
        name = name or any_name(rng, pronoun)
    elif kind == "animal":
        noun = noun or rng.choice(list(w.ANIMALS))
        if name is None and rng.random() < 0.72:
            name = any_name(rng, pronoun, animal=True)
    else:
        noun = noun or rng.choice(list(w.ROLES))
        pronoun = w.ROLES[noun][0] or pronoun
        if name is None and rng.random() < 0.6:
            name = any_name(rng, pronoun)
    adjective = rng.choice(ADJECTIVES) if adjective is None else adjective
    who = Who(kind, noun, name, pronoun, adjective)
    if avoid and (who.short == avoid.short or (who.noun == avoid.noun and kind != "child")):
        return make_who(rng, kind, None, None, None, None, avoid)
    return who


ELDERS = [("mom", "Mom", "she"), ("dad", "Dad", "he"), ("grandma", "Grandma", "she"), ("grandpa", "Grandpa", "he")]
ELDERS_WILD = [("mama", "Mama", "she"), ("papa", "Papa", "he"), ("grandma", "Grandma", "she"),
               ("grandpa", "Grandpa", "he")]


class Story:
    """State of one story. s("template") adds sentences, s.para() starts a new paragraph."""

    def __init__(self, rng, hero=None, friend=None, **fixed):
        self.rng, self.parts, self.d = rng, [], dict(fixed)
        self.fixed = fixed
        self.hero = hero or make_who(rng)
        self.friend = friend or self._friend()
        self.met = self.sequel = False      # friend introduced; a second adventure
        rows = ELDERS if self.hero.kind == "child" else ELDERS_WILD
        gw, g, ghe = rng.choice(rows)
        self._put("", self.hero)
        self._put("f", self.friend)
        self.d.update(h=self.hero.short, f=self.friend.short, g=g, gw=gw, noun=self.hero.noun, fnoun=self.friend.noun,
                      ghe=ghe, ghim=PRONOUNS[ghe][1], ghis=PRONOUNS[ghe][2])
        self.set(colour=rng.choice(w.COLOURS), colour2=rng.choice(w.COLOURS), toy=rng.choice(w.TOYS),
                 place=rng.choice(w.OPENPLACE), weather=rng.choice(w.WEATHER), trait=rng.choice(w.TRAITS),
                 hobby=rng.choice(w.HOBBIES))

    def _friend(self):
        h, rng = self.hero, self.rng
        other = "she" if h.he == "he" else "he"
        pronoun = other if rng.random() < 0.75 else h.he
        if h.kind == "child":
            return make_who(rng, "child", pronoun=pronoun, avoid=h)
        return make_who(rng, "animal", pronoun=pronoun, adjective="", avoid=h)

    def _put(self, prefix, who):
        for key in ("he", "him", "his", "himself"):
            self.d[prefix + key] = getattr(who, key)

    def set(self, **values):
        """Values of the plot; what the caller of the story fixed stays."""
        for key, value in values.items():
            if key not in self.fixed:
                self.d[key] = value

    def pick(self, key, values):
        """Choose a value for key (kept when fixed) and return it."""
        self.set(**{key: self.rng.choice(values)})
        return self.d[key]

    def chance(self, p):
        return self.rng.random() < p

    def render(self, text):
        out = []
        self._walk(_parse(text), out)
        return "".join(out)

    def _walk(self, seq, out):
        for part in seq:
            if isinstance(part, str):
                out.append(part)
            elif isinstance(part, tuple):
                out.append(self._value(part[0]))
            else:
                self._walk(part[int(self.rng.random() * len(part))], out)

    def _value(self, key):
        if key == "hh":         # the hero by name, or now and then as "the little fox"
            if self.hero.name and self.friend.noun != self.hero.noun and self.rng.random() < 0.25:
                return "the " + self.hero.noun
            return self.d["h"]
        if key == "f" and not self.met:
            self.met = True
            return f"{self.hero.his} friend {self.friend.short}"
        value = self.d[key]
        return value if "{" not in value and "[" not in value else self.render(value)

    def __call__(self, text):
        self.parts.append(self.render(text) + " ")

    def maybe(self, p, text):
        if self.rng.random() < p:
            self(text)

    def para(self):
        if self.parts and self.parts[-1] != "\n\n":
            self.parts.append("\n\n")

    def text(self):
        joined = "".join(self.parts).strip()
        return polish(re.sub(r" *\n\n *", "\n\n", joined))

    # -- beats that all plots share -------------------------------------------------------------

    def opening(self, loves=None, mention_friend=False):
        """Introduce the hero. loves: a clause such as 'loved to bake' that prepares the plot."""
        self.d["first"] = self.hero.first(self.rng)
        self.d["plain"] = plain(self.hero)
        self.d["ad"] = self.hero.adjective or "little"
        self.d["home"] = self.hero.home or self.rng.choice(w.VILLAGE)
        if loves:
            self.d["loves"] = loves
        elif self.hero.food and self.chance(0.35):
            self.d["loves"] = "loved {food} more than anything"
            self.d["food"] = self.hero.food
        else:
            self.d["loves"] = "[loved|liked] {hobby}"
        self.d["at"] = at_home(self.d["home"])
        if self.sequel:
            self("""[A few days later|One week later|Soon after that|When a month had passed|Not long after], there was a new adventure.""")
            if loves:
                self("{h} [now|still] {loves}." if loves.startswith(("had", "wanted")) else "{h} {loves}.")
            self.para()
            return
        named = bool(self.hero.name)
        kind = self.rng.random()
        if self.hero.kind == self.friend.kind and named and self.friend.name and self.chance(0.06):
            self.pair_opening()
            return
        if kind < 0.42:
            self("""[Once upon a time|Once upon a time|Once upon a time|Once upon a time|Long ago|Once|A long time ago],
                 [there was {first}[ who {loves}|. {he} {loves}|. {h} {loves}|. {he} lived {at}, and {he} {loves}|
                 who lived {at}. {he} {loves}|. {h} was very {trait}, and {he} {loves}]|
                 [there lived {first}|{first} lived] {at}. [{he}|{h}] [was {trait} and |]{loves}|
                 {at}, there lived {first}. {he} {loves}].""")
        elif kind < 0.56:
            self("""There [was|once was|was once] {first}[ who lived {at}|. {he} lived {at}|].
                 [{he}|{h}] {loves}.""")
        elif kind < 0.66 and named:
            self("""[{h} was {plain}|{h} was {plain} who lived {at}]. [{he}|{h}] {loves}.""")
        elif kind < 0.76:
            self("""{at}[, | ]there lived {first}. [{he}|{h}] [was {trait}. {he} {loves}|{loves}|{loves}].""")
        elif kind < 0.8 and named and self.hero.kind != "child":
            self("""[{h} the {noun} lived {at}|The {ad} {noun} was called {h}]. [{he}|{h}] [was {trait} and {loves}|{loves}].""")
        elif kind < 0.86 and named:
            self("""{h} [lived {at}. {he} {loves}|was {plain} who {loves}|{loves}. {he} lived {at}|was a {noun} who {loves}|
                 was only a small {noun}, but {he} was very {trait}. {he} {loves}].""".replace("was a {noun}", "was @a {noun}"))
        elif kind < 0.88 and not named:
            self("""The {ad} {noun} [lived {at}. {he} {loves}|{loves}|was very {trait}. {he} {loves}].""")
        else:
            self.lead_in()
            return
        self.maybe(0.25, """[Everyone said that {h} was {trait}.|{his} friends liked {him} because {he} was {trait}.|
                   {he} was small, but {he} had a big heart.|{he} often smiled, and {he} always said good morning.]""")
        if mention_friend:
            self.meet_friend()
        if self.chance(0.75):
            self.para()

    def pair_opening(self):
        """Two heroes from the start: 'Lily and Tom were best friends.'"""
        self.met = True
        both = "" if self.hero.kind == "child" else " {h} was @a {noun}, and {f} was @a {fnoun}."
        self("""{h} and {f} were [best friends|good friends|friends|neighbours|two friends]""" +
             ("[| who lived {at}]" if self.hero.kind == "child" else "") + "." + both +
             """[ They did everything together.| They were always together.|] {h} {loves}.""")
        if self.chance(0.7):
            self.para()

    def lead_in(self):
        """An opening in the middle of things: 'One day, ...'."""
        self("""[One day, {first} woke up early. {he} {loves}.|
             One [{weather} |]morning, {first} [looked out of the window|sat in front of {his} home|went for a walk]. {he} {loves}.|
             It was a [cold|snowy|frosty|white] winter [morning|day], and {first} was already awake. {he} {loves}.|
             It was [late|early] in the [evening|morning]. {first} sat by the window. {he} {loves}.|
             Every [morning|day], {first} [sat in front of {his} home|went for a walk|looked at the sky]. {he} {loves}.|
             [Deep in the forest|High in the hills|In the middle of the wood|Not far from here|On the other side of the hill], there lived {first}. {he} {loves}.|
             It was @a {weather} [day|morning|afternoon] in [spring|summer|autumn]. {first}[ who lived {at}|] [sat outside and looked at the sky|
             was on the way to {place}]. {he} {loves}.|
             This is the story of {first}. [{he} lived {at}|{he} was very {trait}], and {he} {loves}.|
             Do you know [the story of|what happened to] {first}? {he} {loves}, and [one day something special happened|{he} lived {at}].|
             Far away, {at}, {first} [opened {his} eyes|was wide awake]. {he} {loves}.]""")
        if self.chance(0.5):
            self.para()

    def meet_friend(self):
        self.met = True
        self.d["ffirst"] = self.friend.first(self.rng)
        if self.friend.kind == "child":
            self("""{his} best friend was [{ffirst}|called {f}]. [They did everything together.|They met every day after breakfast.|
                 {f} lived next door.|The two of them were always together.]""")
        elif self.friend.name:
            self("""{his} best friend was {f} the {fnoun}. [They did everything together.|They met every day after breakfast.|
                 {f} lived close by.|The two of them were always together.]""")
        else:
            self("{his} best friend was {ffirst}. [They did everything together.|They met every day.|The {fnoun} lived close by.]")

    def day(self):
        """Start of the events."""
        self("""[One day|One morning|One {weather} day|One {weather} morning|One afternoon|One [spring|summer|autumn] day|
             Then, one day|One Saturday morning|One quiet afternoon], """)

    def moral(self, *lessons):
        self.d["lesson"] = self.rng.choice(lessons)
        self("""[From that day on, {h} [knew|remembered|never forgot] that {lesson}.|
             {h} had learned [something important|something that day]: {lesson}.|
             And {h} never forgot that {lesson}.|
             That night, {h} thought about the day. Now {he} knew that {lesson}.|
             "{lesson}," {h} [whispered|said|thought] with a smile.|
             {g} smiled and said, "You see, {lesson}."]""")

    def goodnight(self):
        self("""[That night, {h} [fell asleep|slept] with a [big |]smile on {his} face.|
             It had been [the best day of all|a wonderful day|a day to remember].|
             When the moon came up, {h} was [already asleep|fast asleep], dreaming of [new adventures|tomorrow|all that had happened].|
             And they all lived happily ever after.|{h} went home, tired and happy.|
             {he} could not wait for the next day.|Then {he} went home, ate [a warm supper|a bowl of soup], and went to bed happy.|
             The stars came out one by one, and {h} [said good night to each of them|was glad to be home].|
             And if you listen closely, you can still hear {h} laughing.|The end.|The end.]""")


def plain(who):
    """'a cheerful girl', for 'Lily was ...'."""
    return "@a " + (who.adjective + " " if who.adjective else "little ") + who.noun
