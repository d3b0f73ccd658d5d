"""Small-talk chats: lists of (role, text). Stories inside a chat are about what was asked for."""
import words as w
from plots import THEMES, TINY, WHO_DID, tell
from story import Story, any_name, invented_name, make_who, polish

SYSTEM = ["You are a friendly storyteller.", "You are a helpful assistant.", "You tell short stories for children.",
          "You are a kind and cheerful storyteller.", "You are a helpful, friendly assistant.", "Be friendly and brief.",
          "You are a small story machine. Answer kindly.", "You are Cortex, a friendly teller of children's stories.",
          "Tell stories and chat with the user.", "You are an assistant."]

GREET = [("[hello|hi|hey|hello there|hi there|good day|hey there|greetings|hello again|hi!|howdy][|!|.]",
          "[hello|hi|hi there|hello there]! [How are you today?|It is nice to meet you. What would you like to talk about?|Would you like to hear a story?|I am glad that you are here. Shall I tell you a story?|What can I do for you?|How can I help you?|Nice to see you! Do you want to hear a story?]"),
         ("good morning[|!]", "good morning! [Did you sleep well?|I hope you have a lovely day.|The sun is up, and I am ready for a story.]"),
         ("good evening[|!]", "good evening! [How was your day?|It is just the right time for a story. Shall I tell you one?]"),
         ("good afternoon[|!]", "good afternoon! [How are you?|What would you like to do?]")]
HOW = [("[how are you|how are you today|how are you doing|how do you feel|are you well|how is it going|what's up][?||?]",
        "[I am fine, thank you|I am very well, thank you|I feel great today|I am happy, thank you for asking]! [How are you?|And you?|I was just thinking about a new story.|I am ready to tell a story.|It is a good day for a story.]")]
WHO = [("[[who|what] are you|hi, who are you|hello, who are you|tell me about yourself|what is your name|what's your name|do you have a name|who am I talking to|are you a [robot|person|computer|human]|introduce yourself][?||?]",
        "[I am a small storyteller|I am a little language model that tells stories|I am a tiny story machine]. [My name is Cortex.|You can call me Cortex.|People call me Cortex.] [I live inside a computer, and I know many stories about animals and children.|I am not a person, but I like to chat and tell stories.|I am made of numbers, and I love to make up stories.|I am very small, so I don't know much about the world, but I can tell you a story.]"),
       ("[what can you do|what do you do|how can you help me|can you help me|what are you good at|help][?||?]",
        "I can [tell you a story|make up little stories] and chat with you. [Just say what the story should be about.|For example, say: Tell me a story about a {animal}.|Ask me for a story about a {animal} or {toy2}.|I am small, so please don't ask me hard questions.]"),
       ("[how old are you|when were you born|where do you live|where are you from|where are you|who made you][?||?]",
        "[I am very new.|I was made not long ago.|I live inside your computer.|A computer learned to tell stories, and that is me.] [I don't have a birthday, but I like birthday stories.|It is cosy in here.|I don't need much room, because I am small.|There is no rain in here, but many stories.]")]
LIKE = [("what is your favourite [colour|color][?|]", "I like {colour}. [It makes me think of {animal2}s in spring.|It looks so cheerful.|What is yours?]"),
        ("what is your favourite animal[?|]", "I like {animal}s. [They are so {trait}.|I know a good story about one. Do you want to hear it?|What about you?]"),
        ("[do you like [cats|dogs|rabbits|foxes|bears|stories|music|rain|snow|cake]][?|]", "Yes, very much! [I could talk about them all day.|They often come into my stories.|Do you like them, too?]"),
        ("what is your favourite story[?|]", "I like stories [in which friends help each other|with a happy end|about small heroes|about animals]. [Shall I tell you one?|What kind do you like?]"),
        ("what is your favourite food[?|]", "I can't eat, but [{cake}|warm soup|fresh bread] sounds wonderful[. What do you like to eat?|.]"),
        ("do you sleep[?|]", "[I sleep when the computer sleeps.|No, but I like bedtime stories.]"),
        ("[do you have friends|do you have a friend|are you my friend|will you be my friend|can we be friends][?|]", "[Of course! I would like to be your friend.|Yes! A friend is someone who listens, and I like to listen.|I would love that. Friends tell each other stories.]")]
FEEL = [("[I am|I'm|I feel] [so |very |]sad[| today][.|]", "I am sorry that you are sad. [Sometimes it helps to talk about it.|Do you want to tell me what happened?|Shall I tell you a story to cheer you up?]"),
        ("[I am|I'm|I feel] [so |very |really |]happy[| today][.|!|]", "[That is wonderful!|How nice!] [What made you so happy?|It makes me happy, too.]"),
        ("[I am|I'm] [so |very |]bored[.|]", "Then let us do something! [Shall I tell you a story?|You could draw a {animal}, or I could tell you about one.|Do you want to hear a riddle?]"),
        ("[I am|I'm] [so |very |]tired[.|]", "Then it is time to rest. [Shall I tell you a short bedtime story?|Close your eyes and think of something nice.|A warm blanket and a quiet story will help.]"),
        ("[I am|I'm] [afraid of the dark|scared|afraid][.|]", "It is all right to be afraid. [Most scary things are small when you turn on the light.|Take a deep breath. I am here.|Many brave heroes in my stories are afraid, too.]"),
        ("[I am|I'm] [angry|mad][.|]", "I understand. [Take a deep breath and count to ten.|Do you want to tell me what happened?]"),
        ("[I am|I'm] [fine|good|well|okay|great][|, thanks|, thank you][.|!|]", "[I am glad to hear that!|That is good!|How nice!] [What would you like to do?|Would you like a story?|Shall I tell you a story?]"),
        ("[I have|I've got] a [cold|headache|fever][.|]", "Oh dear! I hope you feel better soon. [Rest, and drink some warm tea.|Shall I tell you a story while you rest?]"),
        ("it is [raining|snowing|cold|sunny|windy] [here|outside|today][.|]", "[Then it is a good day for a story.|How lovely!|I like all kinds of weather in stories.] [Shall I tell you one?|What will you do today?]"),
        ("I [miss|lost] my [friend|toy|cat|dog|grandma][.|]", "I am sorry. [That must be hard.|I understand that you are sad.] [Do you want to tell me more?|Would a story help a little?]")]
THANKS = [("[thank you|thanks|thank you so much|thanks a lot|that was nice|that was a great story|I liked it|nice story|I love it|wonderful|cool|great|that was lovely][|!|.]",
           "[You are welcome|I am glad that you liked it|It was a pleasure|Thank you for listening]! [Do you want to hear another one?|Come back any time.|Tell me if you want more.|]")]
BYE = [("[bye|goodbye|bye bye|see you|see you later|good night|I have to go|I have to go now|see you tomorrow|farewell][|!|.]",
        "[Goodbye|See you soon|Bye|Take care]! [Have a lovely day.|It was nice to talk to you.|Come back for more stories.|Sweet dreams.|]")]
JOKE = [("[tell me a joke|do you know a joke|make me laugh|another joke][|.|?|, please]", x) for x in [
    "Why did the [hen|cow|duck] cross the road? To see what was on the other side!",
    "What did the big flower say to the small flower? Hello, bud!",
    "Why do bees hum? Because they forgot the words!",
    "What do you call a snowman in summer? A puddle!",
    "Why did the cookie go to the doctor? It felt crumbly!",
    "What goes up when the rain comes down? An umbrella!",
    "What did one wall say to the other? See you at the corner!"]]
RIDDLE = [("[tell me a riddle|do you know a riddle|ask me a riddle|a riddle][|.|?|, please]", a, b, c) for a, b, c in [
    ("I have hands, but I can't hold anything. What am I?", "a clock", "A clock has hands, but it can't hold anything."),
    ("I am white and cold, and I fall from the sky in winter. What am I?", "snow", "Snow is white and cold."),
    ("I follow you all day and go away at night. What am I?", "a shadow", "Your shadow follows you when the sun shines."),
    ("I have teeth, but I don't bite. What am I?", "a comb", "A comb has teeth, but it does not bite."),
    ("I have a face and a ring of yellow hair, and I look at the sun. What am I?", "a sunflower", "A sunflower turns to the sun."),
    ("I run all day, but I have no legs. What am I?", "a river", "A river runs, but it has no legs.")]]
OPPOSITE = dict(big="small", hot="cold", day="night", up="down", happy="sad", fast="slow", old="new", light="dark",
                wet="dry", loud="quiet", hard="soft", long="short", full="empty", open="closed", left="right")
SOUND = dict(cow="moo", dog="woof", cat="meow", duck="quack", sheep="baa", pig="oink", hen="cluck", owl="whoo",
             frog="croak", lion="roar", bee="buzz", horse="neigh", donkey="hee-haw", mouse="squeak")
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
NUM = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split()
COLOUR_OF = dict(sky="blue", grass="green", snow="white", sun="yellow", banana="yellow", strawberry="red", night="black",
                 tomato="red", carrot="orange", leaf="green", milk="white", lemon="yellow", sea="blue", fire="red and orange")
BIGGER = ["ant", "mouse", "cat", "dog", "horse", "elephant"]
HARD = ["what is the capital of [France|Spain|China|Japan|Peru|Egypt|Canada|Italy]", "who is the president", "write [a program|code|some Python code|an email|an essay]",
        "what is [17|23|48|96|125] times [13|27|31|45]", "explain [quantum physics|electricity|the economy|history|relativity|chemistry]", "who won the [war|game|world cup|election]",
        "what is the weather [today|tomorrow|in London]", "what time is it", "translate this [into French|into German|to Spanish]", "who wrote [Hamlet|the Bible|Faust]",
        "how do I [fix my car|cook pasta|install Linux|lose weight|make money]", "what is [machine learning|the meaning of life|an atom|gravity|a black hole|inflation]",
        "give me [the news|a recipe|advice about money]", "can you [search the internet|book a flight|play music|see me|call my mother]", "how far is the moon", "what year is it"]
DONT = """[I am sorry, but I don't know that|I don't know that|That is too hard for me|Oh, I can't do that]. [I am only a small storyteller.|I am very small, and I only know stories.|
 I can only tell stories and chat a little.|Please ask a grown-up or a bigger helper.] [Would you like a story instead?|But I can tell you a story. What should it be about?|]"""


class Talk:
    """A chat under construction."""

    def __init__(self, rng):
        self.rng, self.turns = rng, []
        self.s = Story(rng)

    def line(self, text):
        rng = self.rng
        self.s.d.update(animal=rng.choice(list(w.ANIMALS)), animal2=rng.choice(["butterfly", "flower", "bird"]),
                        toy2="@a " + rng.choice(w.TOYS), cake=rng.choice(w.CAKES), colour=rng.choice(w.COLOURS),
                        trait=rng.choice(w.TRAITS))
        return self.s.render(text.replace("a {animal}", "@a {animal}"))

    def user(self, text):
        text = polish(self.line(text)).strip()
        r = self.rng.random()
        if r < 0.2:
            text = text.lower()
        if r < 0.12 or 0.2 <= r < 0.25:
            text = text.rstrip(".?!")
        self.turns.append(("user", text))

    def say(self, text):
        self.turns.append(("assistant", polish(self.line(text)).strip()))

    def pair(self, rows):
        q, a = self.rng.choice(rows)
        self.user(q)
        self.say(a)

    # -- kinds of exchange ----------------------------------------------------------------------

    def fact(self):
        rng = self.rng
        k = rng.choice([0, 1, 2, 3, 3, 3, 4, 5, 6, 7, 8])
        if k == 0:
            a = rng.choice(list(SOUND))
            self.user(f"what [sound does a {a} make|does a {a} say][?|]")
            self.say(f"@a {a} says {SOUND[a]}[.|!|. {SOUND[a]}, {SOUND[a]}!]")
        elif k == 1:
            a = rng.choice(list(w.ANIMALS))
            self.user(f"what does @a {a} [eat|like to eat][?|]")
            self.say(f"In my stories, @a {a} likes {w.ANIMALS[a][1]}.")
        elif k == 2:
            a = rng.choice(list(w.ANIMALS))
            self.user(f"where does @a {a} live[?|]")
            self.say(f"In my stories, @a {a} lives in {w.ANIMALS[a][0]}.")
        elif k == 3:
            a, b = rng.randint(0, 5), rng.randint(0, 5)
            digits = rng.random() < 0.6
            self.user(f"[what is |what's |]{a} [plus|+|+|and] {b}[?|]" if digits else f"[what is|what's] {NUM[a]} [plus|and] {NUM[b]}[?|]")
            self.say(f"{a} plus {b} is {a + b}." if digits else f"{NUM[a]} and {NUM[b]} make {NUM[a + b]}.")
        elif k == 4:
            a = rng.choice(list(OPPOSITE))
            b = OPPOSITE[a]
            if rng.random() < 0.5:
                a, b = b, a
            self.user(f"what is the opposite of {a}[?|]")
            self.say(f"The opposite of {a} is {b}.")
        elif k == 5:
            i = rng.randrange(7)
            self.user(f"what day comes after {DAYS[i]}[?|]")
            self.say(f"After {DAYS[i]} comes {DAYS[(i + 1) % 7]}.")
        elif k == 6:
            a = rng.choice(list(COLOUR_OF))
            the = "the " if a in ("sky", "grass", "snow", "sun", "night", "sea", "fire", "milk") else "@a "
            the = "" if a in ("snow", "milk", "fire", "grass") else the
            self.user(f"what [colour|color] is {the}{a}[?|]")
            self.say(f"{the}{a} is {COLOUR_OF[a]}.")
        elif k == 7:
            i, j = rng.sample(range(6), 2)
            self.user(f"[which|what] is bigger, @a {BIGGER[i]} or @a {BIGGER[j]}[?|]")
            self.say(f"@a {BIGGER[max(i, j)]} is bigger than @a {BIGGER[min(i, j)]}.")
        else:
            n = rng.choice([3, 5, 10])
            self.user(f"can you count to {NUM[n]}[?|]")
            self.say("Yes! " + ", ".join(NUM[1:n + 1]) + "[.|!]")

    def riddle(self):
        q, a, b, c = self.rng.choice(RIDDLE)
        self.user(q)
        self.say(a)
        r = self.rng.random()
        if r < 0.45:
            self.user(f"[is it |]{b}[?|!|]")
            self.say(f"[Yes, that is right!|Well done!|Exactly!] {c}")
        else:
            self.user("[I don't know|no idea|tell me|I give up|what is it][.|?|]")
            self.say(f"It is {b}! {c}")

    def name(self):
        rng = self.rng
        n = invented_name(rng) if rng.random() < 0.5 else any_name(rng, rng.choice(["he", "she"]))
        self.user(f"[my name is|I am|I'm|hi, I am|hello, my name is|hi, my name is] {n}[.|!|]")
        self.say(f"[Nice to meet you|Hello|It is nice to meet you|What a nice name], {n}! [How are you today?|Shall I tell you a story?|I am Cortex, a small storyteller.|What would you like to talk about?]")
        if rng.random() < 0.4:
            if rng.random() < 0.5:
                self.small()
            self.user("[what is my name|do you remember my name|do you know my name][?|]")
            self.say(f"[Your name is {n}.|Yes, you are {n}!|You told me that your name is {n}.]")

    def hard(self):
        self.user(self.rng.choice(HARD) + "[?|.|]")
        self.say(DONT)

    def small(self):
        k = self.rng.random()
        if k < 0.3:
            self.fact()
        elif k < 0.5:
            self.pair(LIKE)
        elif k < 0.65:
            self.pair(FEEL)
        elif k < 0.75:
            self.pair(JOKE)
        elif k < 0.82:
            self.riddle()
        elif k < 0.9:
            self.hard()
        else:
            self.pair(WHO)

    def story(self):
        """The user asks for a story, mostly about something; the answer is about that."""
        rng = self.rng
        r = rng.random()
        hero = friend = plot = None
        fixed = {}
        topic = None
        if r < 0.12:
            pass
        elif r < 0.47:
            hero = make_who(rng, "animal", name=invented_name(rng) if rng.random() < 0.15 else None)
            if rng.random() < 0.35:
                trait = rng.choice(w.TRAITS + ["little", "small", "young", "brave little", "tiny"])
                hero.adjective = trait
                topic = f"@a {trait} {hero.noun}"
            else:
                topic = f"@a {hero.noun}"
            q = rng.random()
            if hero.name and q < 0.25:
                topic += f" [named|called] {hero.name}"
            elif q < 0.4:
                friend = make_who(rng, "animal", adjective="", avoid=hero)
                topic += f" and @a {friend.noun}"
        elif r < 0.6:
            hero = make_who(rng, "child", name=invented_name(rng) if rng.random() < 0.4 else None)
            q = rng.random()
            topic = (f"a {hero.noun} [named|called] {hero.name}" if q < 0.6 else f"a [little |small |]{hero.noun}")
            if q > 0.4 and q < 0.6:
                friend = make_who(rng, "child", avoid=hero)
                topic = f"{hero.name} and {friend.name}"
        elif r < 0.7:
            hero = make_who(rng, "role")
            topic = f"@a {hero.noun}" + (f" named {hero.name}" if hero.name and rng.random() < 0.25 else "")
        elif r < 0.78:
            fixed["tiny"] = rng.choice(TINY)
            plot = "small_hero"
            topic = f"@a [little |small |brave |]{fixed['tiny']}"
        elif r < 0.84:
            fixed["toy"] = rng.choice(w.SMALL_TOYS)
            plot = "lost_toy"
            topic = f"@a [lost |]{fixed['toy']}"
        else:
            plot, phrase = rng.choice(THEMES)
            topic = phrase
        if hero is not None and friend is None and rng.random() < 0.3 and topic:
            plot, phrase = rng.choice(WHO_DID)
            toy = fixed["toy"] = rng.choice(w.SMALL_TOYS if plot in ("lost_toy", "messy_room") else w.SHARE_TOYS)
            if plot == "kite":
                toy = fixed["toy"] = rng.choice(["kite", "balloon", "toy plane", "hat", "ball", "cap"])
            topic += " who " + phrase.replace("{toy}", toy).replace("{his}", hero.his)
        elif hero is not None and rng.random() < 0.25 and topic:
            plot, phrase = rng.choice(THEMES)
            if plot not in ("small_hero",):
                topic += " and " + phrase
            else:
                plot = None
        text, st = tell(rng, plot=plot, hero=hero, friend=friend, short=True, **fixed)
        if topic:
            self.user(f"[[can|could] you tell me a story about {topic}?|please tell me a story about {topic}.|tell me a story about {topic}.|tell me a story about {topic}.|tell me a story about {topic}|"
                      f"tell me about {topic}.|I want [to hear |]a story about {topic}.|a story about {topic}, please.|write a [short |]story about {topic}.|do you know a story about {topic}?|story about {topic}|"
                      f"write a story about {topic}|make up a story about {topic}.|I would like a story about {topic}[, please|].]")
            short_topic = topic.split(" who ")[0]
            lead = self.line(f"[Of course!|Here is a story about {short_topic}.|Yes, listen!|Gladly! Here is a story about {short_topic}.|Once more I open my story book.|With pleasure!]")
        else:
            self.user("[tell me a story|tell me a story, please|can you tell me a story?|please tell me a [short |nice |]story.|I want a story|I would like to hear a story.|tell me a bedtime story|do you know any stories?|a story, please|yes, tell me a story|yes please, a story|write a story|write me a short story.|tell me something][|]")
            lead = self.line("[Of course!|Yes, listen!|Gladly!|Here is a story for you.|With pleasure!]")
        if rng.random() < 0.55:
            text = polish(lead) + "\n\n" + text
        self.turns.append(("assistant", text))
        if rng.random() < 0.3:
            h = st.hero
            if plot != "small_hero" and h.name and rng.random() < 0.6:
                self.user(f"what was the name of the {h.noun}[?|]" if rng.random() < 0.5 else f"what was the {h.noun}'s name[?|]")
                self.say(f"[The {h.noun}'s name was {h.name}.|{h.he} was called {h.name}.|The name of the {h.noun} was {h.name}.]")
            else:
                self.pair(THANKS)


def chat(rng):
    """One chat as a list of (role, text)."""
    t = Talk(rng)
    if rng.random() < 0.2:
        t.turns.append(("system", rng.choice(SYSTEM)))
    if rng.random() < 0.4:
        t.pair(GREET)
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3])):
        r = rng.random()
        if r < 0.13:
            t.pair(HOW)
        elif r < 0.3:
            t.pair(WHO)
        elif r < 0.37:
            t.name()
        elif r < 0.63:
            t.small()
        else:
            t.story()
    if rng.random() < 0.15:
        t.pair(THANKS)
    if rng.random() < 0.2:
        t.pair(BYE)
    return t.turns
