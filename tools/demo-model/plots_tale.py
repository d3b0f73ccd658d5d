"""Fairy-tale plots: wishes, small heroes, the market, the moon, the stage, the big pumpkin, a voyage."""
import words as w
from story import PRONOUNS


def wish(s):
    thing = s.rng.choice(["to fly", "to see the sea", "to have a friend", "to be big", "to have a song", "to find a home for the winter", "to touch a cloud"])
    s.d["want"] = thing
    s.opening("had one big wish: {he} wanted {want}")
    s.para()
    s("""One [clear|quiet] night, {h} saw a star fall from the sky. "[I wish {want2}|Dear star, I wish {want2}]," {he} whispered. [The star twinkled.|And a small voice said, "Help three times, and your wish will come true."|"Help others, and your wish will find its way," the star seemed to say.]""".replace("{want2}", "I could " + thing[3:] if not thing.startswith("to have") and not thing.startswith("to be") else "for " + {"to have a friend": "a friend", "to be big": "the day when I am big", "to have a song": "a song of my own"}[thing]))
    s("The next morning, {h} went on {his} way.")
    helps = s.rng.sample([
        "{he} met an ant that could not carry its [leaf|crumb]. {h} carried it home for the ant. \"Thank you,\" said the ant.",
        "{he} saw a beetle that was lying on its back and kicked its legs. {h} turned it over. \"You are kind,\" said the beetle.",
        "At the well, there was an old woman with a heavy bucket. {h} pulled it up for her. \"Bless you, child,\" said the woman.",
        "On the path sat a lamb that had lost its mother. {h} walked with it until they heard her voice. \"[Mother!|There she is!]\" cried the lamb.",
        "Under a bush, there was a bird with its foot in a string. {h} untied the knot. The bird sang a song for {him}.",
        "A fish had been washed onto the sand. {h} put it back into the water. The fish jumped three times to say thank you.",
        "In a garden, the flowers hung their heads. {h} gave them water, and they stood up again.",
        "By the road, a tortoise could not climb over a root. {h} lifted it over. \"Slow, but sure,\" said the tortoise and smiled."], 3)
    for i, x in enumerate(helps):
        if i == 1 and s.chance(0.6):
            s.para()
        s(x)
    s.para()
    s({"to fly": "In the evening, all those {h} had helped came together. The birds brought feathers, and the spiders brought thread. They made [wings|a little basket] and lifted {h} up into the sky. {he} flew over {place} and the river, and the whole world was small and golden.",
       "to see the sea": "Then {he} came to the last hill and stopped. [There it was!|A fresh wind blew.] Before {him} lay the sea, blue and wide and full of light. All those {he} had helped had shown {him} the way, one after the other.",
       "to have a friend": "In the evening, {h} sat down. [\"My wish did not come true,\" {he} thought.|{he} was tired.] Then there was a knock. They had all come, everyone {he} had helped. \"[We want to be your friends|May we stay for supper],\" they said. {he} had wished for one friend, and now {he} had many.",
       "to be big": "In the evening, {h} looked into the pond. {he} was not bigger than before. But everyone said, \"[There goes someone with a big heart|You did big things today].\" And {h} felt as big as a mountain.",
       "to have a song": "In the evening, {he} heard music. Everyone {he} had helped was singing, and the song was about {h} and {his} kind heart. It was {his} own song, and the wind carried it over the hills.",
       "to find a home for the winter": "When the first snow fell, they all came to help. One brought twigs, one brought moss, and one brought a round blue stone for the door. Soon {h} had the warmest little home in the forest.",
       "to touch a cloud": "Then {h} climbed the last hill. A white mist came down around {him}, soft and cool. {he} stretched out {his} hand. {he} was standing right inside a cloud!"}[thing])
    s.chance(0.6) and s.moral("kindness makes wishes come true", "who helps others is never alone", "wishes grow when you do something for them") or s.goodnight()


def small_hero(s):
    heroes = [
        ("train", "a small {colour} train", "station", "big trains", "the long freight trains", "the road to the mountain village was full of snow, and the children there had no bread", "The tunnel was too narrow for the big trains",
         "The little train was just small enough. Puff, puff, it went up the mountain. \"I will not stop, I will not stop,\" it said. The snow was deep, but the little train pushed and pushed until it saw the lights of the village", "The children cheered, and everyone had warm bread that night"),
        ("boat", "a small {colour} boat", "harbour", "big ships", "the tall ships", "there was a thick fog, and a fishing boy was lost between the rocks", "The rocks were too close together for the big ships",
         "The little boat slipped between the rocks, left and right and left again. \"Hold on!\" it called. The boy climbed in, wet and cold, and the little boat found the way back by the sound of the bell", "The boy's mother hugged her son and then patted the little boat on its side"),
        ("star", "a very small star", "sky", "big stars", "the bright stars", "the clouds hid all the big stars, and a ship did not know the way home", "There was only one tiny hole in the clouds",
         "The little star squeezed into the hole and shone as hard as it could. \"Look here!\" it thought. Far below, the captain lifted his eyes. \"There is a light!\" he cried, and he turned the ship around", "In the morning, the ship was safe in the harbour"),
        ("robot", "a small {colour} robot", "workshop", "big robots", "the strong robots", "a key fell into a deep crack in the floor, and nobody could open the door", "The big robots had thick arms and could not reach it",
         "The little robot made itself as thin as it could and rolled into the dark. It was scary down there, but it turned on its lamp. There, between the dust and the screws, was the key", "Click! The door was open, and the sun came in"),
        ("cloud", "a small white cloud", "sky", "big clouds", "the great grey clouds", "there was no rain for many weeks, and a small garden behind the school was drying up", "The big clouds flew by and did not see such a small garden",
         "The little cloud stopped right above it. It thought of all the sad things it knew until it began to cry, drop by drop. It rained and rained on the small garden, until the little cloud was almost gone", "The flowers lifted their heads, and the children danced in the rain"),
        ("tractor", "a small {colour} tractor", "farm", "big tractors", "the heavy tractors", "a calf was stuck in the mud by the river", "The big tractors were so heavy that they would sink",
         "The little tractor rolled over the soft ground, slowly and carefully. The farmer tied a rope around the calf. \"Now pull!\" The little tractor pulled with all its might, and plop, the calf was free", "The calf licked the little tractor from top to bottom"),
        ("bus", "a small {colour} bus", "bus garage", "big buses", "the long buses", "a tree had fallen across the main road, and the children could not get to the school play", "The side street was too narrow for the big buses",
         "The little bus drove through the side street, around three corners and under the old arch. \"Everybody hold tight!\" it honked. The children sang all the way", "They came just in time, and the play could begin"),
        ("lantern", "a small {colour} lantern", "shop", "big lamps", "the tall lamps", "the power went out, and the whole street was dark", "The big lamps needed a wire and could not shine",
         "The little lantern needed only a drop of oil. Someone lit it, and it glowed warm and gold. It went from house to house, and it showed a grandmother the stairs and a child the way to bed", "That night, everyone said that there was no better light in the world"),
        ("plane", "a small {colour} plane", "airport", "big planes", "the giant planes", "a sick child on a far island needed medicine", "The field on the island was much too short for the big planes",
         "The little plane flew over the waves and through the clouds. The wind shook it, but it kept going. It landed on the short field with a hop and a bump", "The child got the medicine and was soon well again")]
    k = s.rng.choice([h for h in heroes if s.fixed.get("tiny") in (None, h[0])])
    n = k[0]
    s.d.update(n=n, intro=k[1], home=k[2], bigs=k[3], bigs2=k[4], need=k[5], why=k[6], deed=k[7], result=k[8])
    name = s.d["tname"] = s.rng.choice(w.PETS + ["Toot", "Chuff", "Bolt", "Zip", "Bim", "Tilly", "Max", "Dot", "Beep", "Twinkle"])
    s.d["t"] = s.rng.choice([name, "the little " + n, name])
    s("""[Once upon a time, there was|Once upon a time, there was|There once was|There was] {intro}[ named {tname}|. Its name was {tname}]. [It lived in a {home} together with the {bigs}.|In the {home}, there were many {bigs}, and {tname} was the smallest of all.]
      [{bigs2} laughed at it. "You are much too small," they said. "What can you do?"|"What can such a small {n} do?" {bigs2} said, and they laughed.|The {bigs} did all the important work. "You are too small," they told {tname}.]
      [{tname} was sad, but it always did its best.|{tname} said nothing, but sometimes it sighed at night.|"One day I will show them," thought {tname}.]""".replace("a {home}", "@a {home}" if n not in ("star", "cloud") else "the {home}"))
    s.para()
    s("""[Then, one day,|One evening,|One stormy day,] {need}. [Everyone was worried.|"Who can help?" people cried.|"Somebody has to help!" they said.] {why}. [They looked at each other and did not know what to do.|Now they were very quiet.] Then a small voice said, "[I can try|Let me try|I will do it]." It was {tname}. "[You?|But you are so small!]" "[Maybe small is just right|That is why I can do it]," said {tname}.""")
    s.para()
    s("{deed}. {result}.")
    s.para()
    s("""[When {tname} came back, the {bigs} were ashamed.|From then on, nobody laughed at {tname}.|The {bigs} bowed their heads.] "[We are sorry that we laughed|We were wrong about you]," they said. "[You are small, but you are very brave.|Today you were the greatest of us all.]" [{tname} was so happy that it could have burst.|{tname} shone with joy.|"Everyone is good for something," said {tname}.]
      [And from that day on, it never wished to be big again.|That night, {tname} slept better than ever.|And if you ever meet a small {n}, say hello. It might be {tname}.]""")


def market(s):
    s.pick("toy", w.SMALL_TOYS)
    s.set(mat=s.rng.choice(w.COLOURS + w.MATERIAL))
    s.opening("had saved [three|five|ten] coins in a little bag")
    s.para()
    s.day()
    s("""{h} went to the market. [{he} wanted to buy @a {mat} {toy}.|In a window, {he} had seen @a {mat} {toy}, and {he} wanted it so much.] [There were stalls with apples and honey, ribbons and bells.|It was loud and colourful, and it smelled of warm bread.] [{h} held the bag tight in {his} hand.|The coins went clink, clink in {his} bag.]""")
    p = s.rng.choice([("an old man who was playing the violin", "the old man", "he"), ("an old woman with a thin coat", "the old woman", "she"), ("a small boy without shoes", "the small boy", "he"),
                      ("a girl who was crying because she had lost her money", "the girl", "she"), ("a hungry dog with big eyes", "the dog", "he"), ("an old donkey with an empty bowl", "the donkey", "he")])
    q = PRONOUNS[p[2]]
    s.d.update(po=p[0], pn=p[1], phe=q[0], phim=q[1], phis=q[2])
    s("""[But at the corner, there was {po}.|Then {he} saw {po}.] [{pn} looked cold and hungry.|Nobody stopped. Everyone was in a hurry.] {h} [stopped|slowed down]. {he} looked at the shop, and {he} looked at {pn}. [{he} thought for a long time.|{his} heart felt heavy.|"The {toy} can wait," {he} thought.]""")
    s.para()
    s("""Then {h} went and bought [a big warm loaf of bread|a bowl of hot soup|bread and cheese] and gave it to {phim}. "[This is for you|Here, please eat]," {he} said. {pn} ate all of it, and {phis} eyes [shone|began to shine]. [Now the bag was empty, but {h} felt warm inside.|"Don't you want to keep your coins?" someone asked. "I can save again," said {h}.]""")
    s.para()
    e = s.rng.randrange(3)
    s(["""The shopkeeper had seen it all through the window. [When {h} walked by, she came out.|She came to the door.] "[You gave away all your coins|I saw what you did]," she said. "[I need a helper with a good heart. Help me on Saturdays, and the {toy} is yours|If you sweep my shop today, you may have the {toy}]." {h} [jumped for joy|could not believe it].""",
       """A week later, there was a small parcel in front of {his} door. Inside was a {toy}, carved from wood, and a note: "[For the one who stopped|For a kind heart]." It was not the one from the shop. It was much more beautiful.""",
       """{h} went home without the {toy}. {his} {gw} asked, "What did you buy?" "[A smile|A friend]," said {h}. {g} understood and hugged {him}. [The next day, they made a {toy} together out of wood and paint, and it was the best one {he} ever had.|That evening, they sat by the fire, and {h} was richer than a king.]"""][e].replace("a {toy}", "@a {toy}"))
    s.chance(0.6) and s.moral("giving makes you rich inside", "a kind heart is worth more than coins", "what you give comes back in another way") or s.goodnight()


def stage(s):
    art = s.rng.choice([("sing", "sang", "song", "singing"), ("dance", "danced", "dance", "dancing"), ("make up songs", "sang a new song", "song", "singing"), ("play the flute", "played the flute", "tune", "playing the flute"),
                        ("jump and spin", "jumped and spun", "show", "spinning"), ("tell stories", "told a story", "story", "telling stories"), ("whistle", "whistled", "tune", "whistling"),
                        ("juggle", "juggled", "trick", "juggling"), ("recite poems", "recited a poem", "poem", "reciting")])
    s.d.update(do=art[0], did=art[1], piece=art[2], doing=art[3])
    s.opening("loved to {do}, [but only when nobody was there|but {he} was too shy to do it in front of others]")
    s.para()
    s("""[Soon there was a big festival.|One day, a poster hung on the tree: Big show on Sunday!] "[You should be in the show|You must {do} for everyone]," said {f}, who had heard {him} [through the window|behind the house]. "[Oh no|Never]," said {h}. "[What if they laugh?|What if I make a mistake?|My knees shake when everyone looks at me.]"
      "[Then look only at me|I will stand in the first row. Just {do} for me|Let us practise together, a little every day]," said {f}.""")
    s("""So they practised. First {h} {did} for {f}. Then {he} {did} for {f} and {g}. Then {he} {did} for {f}, {g} and [three hens|the cat|two sheep]. Every time, it was [a little easier|less scary].""")
    s.para()
    s("""On Sunday, the place was full. {h} stepped onto the stage. [{his} mouth was dry.|{his} heart was pounding.|All those eyes!] {he} [opened {his} mouth, but nothing came out|could not move]. [It was very quiet.|Somebody coughed.] Then {h} saw {f} in the first row. {f} [smiled and nodded|put a hand on {fhis} heart|waved]. {h} took a deep breath and began. [First softly, then louder.|At first {he} was slow, but then {he} forgot the crowd.]
      [{he} made one small mistake, but nobody minded.|The {piece} filled the whole place.|It was as if {he} were flying.]""")
    s.para()
    s("""When it was over, it was quiet for a moment. Then everyone clapped and [shouted, "More!"|stamped their feet|cheered]. {h} [bowed|laughed]. "[You did it!|I knew it!]" said {f}. "[We did it|Only because you were there]," said {h}.""")
    s.moral("being brave means doing it even when you are afraid", "a friend can give you courage", "what you love should be shared", "it is all right to be nervous")


def moon(s):
    s.opening("loved the moon")
    s.para()
    ev = s.rng.randrange(3)
    if ev == 0:
        s("""[One night,|One evening,] {h} looked into the [pond|well|bucket]. There was the moon, round and bright, right in the water! "[Oh no, the moon has fallen down!|The moon is drowning!|Poor moon, I must save you!]" {he} cried. {he} ran to {f}. "[Come quickly!|Help me!] The moon has fallen into the water!" """)
        s("""They took a [net|long rope|bucket] and tried to catch the moon. But every time they touched the water, the moon broke into a hundred pieces. "[Now we have broken it|It is in pieces]," said {f}. They waited, and the moon became whole again. They tried once more, and {h} leaned too far. Splash! {he} fell in.""")
        s.para()
        s("""{h} lay on {his} back in the [cold|shallow] water and looked up. And there was the moon, high in the sky, safe and round. "[Look! It is back in the sky!|We saved it!]" {he} shouted. {f} looked up and down. Then {fhe} began to laugh. "[There are two moons, one above and one below|It was only a picture in the water]," {fhe} said. They laughed so loud that [the owls woke up|{g} came out with a towel].""")
        s.maybe(0.7, "[Since then, {h} says good night to both moons: the one in the sky and the one in the water.|And the moon? It looked down and seemed to smile.]")
    elif ev == 1:
        s("""[One night,|Every evening, the moon looked in through the window. But one night,] the moon looked [pale and sad|thin]. "[What is wrong, Moon?|Why are you sad?]" asked {h}. "[I am all alone up here. When I come, everyone goes to sleep|Nobody plays with me at night]," said the moon. {h} thought. "[I will stay awake for you|I will find you friends]," {he} said.""")
        s("""{he} went and asked those who are awake at night. {he} asked the owl, and the owl said yes. {he} asked the bats, and the bats said yes. {he} asked the [hedgehog|fireflies|cat on the roof], and the answer was yes. The next night, they all met on the hill. [They sang for the moon.|They danced in the silver light.|They played hide and seek with the shadows.]""")
        s.para()
        s("""The moon [became round with joy|shone brighter than ever]. "[Thank you. Now I know that I am not alone|I never had such a lovely night]," it said. It sent down a silver beam, right to {h}'s bed, [and {he} slid down into a deep, sweet sleep|so that {he} would find the way home]. And ever since, there is [music on the hill when the moon is full|someone on the hill who waves at the moon].""")
    else:
        s("""{he} wanted to [touch it|give it a hug|have a piece of it]. So one night, {he} took a ladder and climbed up on the roof. But the moon was too far. {he} went up the hill. Still too far. {he} climbed the tallest tree on the hill and stretched out {his} hand. [But no.|The moon was still far away.] "[I will never reach it|You are too far away]," {he} sighed.""")
        s.d["wise"] = "owl" if s.hero.noun != "owl" else "nightingale"
        s("""[@a {wise} sat on the branch next to {him}.|"Who is sighing here?" asked @a {wise}.] "[You don't have to touch something to love it|The moon is far away, but its light is right here on your nose]," said the {wise}. {h} looked at {his} hands. They were [full of silver light|shining]. [{he} laughed and washed {his} face with moonlight.|{he} closed {his} fingers, and then {he} opened them again. The light was still there.]""")
        s.para()
        s("""Then {h} went home. {he} put a bowl of water next to {his} bed, and the moon came in and swam in it, small and round. "[Good night, Moon|Now you are here after all]," {he} whispered, and [soon {he} was asleep|{he} slept until the morning].""")


def pumpkin(s):
    veg = s.rng.choice(["pumpkin", "turnip", "carrot", "beet", "potato", "radish", "cabbage"])
    s.d["veg"] = veg
    s.opening("had a small garden")
    s.para()
    s("""In spring, {h} planted a {veg}. [It grew and grew.|{he} watered it every day, and it grew and grew.] In autumn, it was [as big as a cow|bigger than {h}|as big as a house]! "[Now I will make soup|It is time to take it home]," said {h}. {he} pulled and pulled, but the {veg} did not move.""")
    cast = s.rng.sample([x for x in ["dog", "goat", "cat", "hen", "pig", "duck", "sheep", "donkey", "goose", "rabbit"] if x not in (s.hero.noun, s.friend.noun)], 2)
    s.d.update(c1=cast[0], c2=cast[1], c3=s.rng.choice(["mouse", "sparrow", "ladybug", "bee", "ant"]))
    if s.d["c3"] == s.hero.noun or s.d["c3"] == s.friend.noun:
        s.d["c3"] = "tiny snail"
    s("""So {h} called {f}. {f} pulled {h}, and {h} pulled the {veg}. [They pulled and pulled.|Heave ho!] But it did not move. Then the {c1} came. The {c1} pulled {f}, {f} pulled {h}, and {h} pulled the {veg}. But it [still |]did not move. "[We need more help!|Come and help us!]" they called, and the {c2} came running. The {c2} pulled the {c1}, the {c1} pulled {f}, {f} pulled {h}, and {h} pulled the {veg}. [It wobbled a little.|It moved a tiny bit.] But it did not come out.""")
    s.para()
    s("""Then a [small|little] {c3} came. "[Can I help?|May I pull, too?]" "[Someone so small|You are so tiny]," laughed the {c1}. "[Everyone can help|Every little bit counts]," said {h}. So the {c3} took hold of the {c2}, and they all pulled together. One, two, three... Plop! The {veg} [flew out of the ground|came out], and they all fell on their backs and laughed.""")
    s("""{h} cooked a huge pot of soup. [There was enough for everyone.|They sat around the pot and ate until the stars came out.] And who got the first bowl? The {c3}! "[Without you, we could not have done it|You made the difference]," said {h}.""")


def voyage(s):
    boat = s.rng.choice(["a little boat", "a raft of logs", "a boat made of a barrel", "a boat with a {colour} sail", "half a walnut shell" if s.hero.noun in ("mouse", "ant", "ladybug", "bee") else "an old rowing boat"])
    s.d["boat"] = boat
    s.opening("wanted to know where the river goes", mention_friend=True)
    s.para()
    s.day()
    s("""{h} and {f} [built|found|made] {boat}. [They packed apples, a blanket and a bell.|They took bread, a lamp and a long rope.] "[Goodbye! We will be back before dark!|To the end of the river!]" {h} called, and the water carried them away.""")
    eps = s.rng.sample([
        "They came to a place where the river was fast. The boat went up and down and around. \"Hold on!\" shouted {h}. {f} pulled on the rope, and at last the water was calm again.",
        "In a bend, they met a [heron|swan] who stood on one leg. \"Where does the river go?\" they asked. \"To the sea,\" said the bird. \"But the best part is the way there.\"",
        "Then the boat got stuck on the sand. They pushed and pulled. An otter came and gave them a nudge, and they were free. They gave the otter an apple.",
        "Under a willow, they heard a small cry. A [duckling|beetle] was sitting on a leaf, far from the bank. {h} reached out and took it into the boat. They brought it back to its mother.",
        "A thick fog came up. They could not see the bank. {f} rang the bell, and from far away, another bell answered. They followed the sound.",
        "They passed a mill, and the miller waved. He threw them a warm bun, and they shared it in the sun.",
        "On an island, they found a tree full of sweet plums. They ate until their chins were sticky."], s.rng.choice([2, 3]))
    for e in eps:
        s(e)
    s.para()
    s("""[And then, the river became wide, so wide that they could not see the other side.|In the afternoon, they smelled salt.] "[Is that the sea?|The sea!|It has no end!]" whispered {f}. They sat there hand in hand and looked at the [waves|blue water]. [A white bird flew over them and called.|The sun made a golden road on the water.]""")
    s("""[A fisherman with a wagon took them home.|They went home on the back of an old horse who knew the way.|{his} {gw} was already waiting at the bridge with the cart.] That night, {h} heard the river [in {his} dream|singing outside]. "[Now I know where you go|I know your secret, river]," {he} murmured.""")
    s.chance(0.5) and s.moral("the way can be as lovely as the goal", "an adventure is twice as nice with a friend", "it is good to be curious")


def magic(s):
    it = s.rng.choice([("paintbrush", "Everything that {he} painted became real"), ("bell", "When {he} rang it, everyone who heard it began to laugh"), ("lantern", "Its light showed the way to things that were lost"),
                       ("shell", "When {he} held it to {his} ear, {he} could hear what animals were saying"), ("pair of boots", "With one step, {he} could go a whole mile"),
                       ("whistle", "When {he} blew it, the wind came like a friendly dog"), ("needle", "It could mend anything in the world"), ("spoon", "When {he} stirred with it, every soup tasted wonderful")])
    i = s.d["item"] = it[0]
    s.opening()
    s.para()
    s.day()
    s("""{h} [helped an old woman carry wood|shared {his} bread with an old man|pulled an old goose out of the mud]. "[You have a kind heart. Take this {item}|Thank you. This {item} is for you]," said the old one. "But use it only to do good." """)
    s("It was [a magic {item}|no ordinary {item}]! {power}.".replace("{power}", it[1]))
    s.para()
    uses = {"paintbrush": ["For a hungry cat, {he} painted a fish.", "For a cold sparrow, {he} painted a little coat.", "For {f}, {he} painted a swing under the oak."],
            "bell": ["At the sad neighbour's door, {he} rang it, and the neighbour laughed again.", "Two boys were fighting. Ding! They laughed so much that they forgot why.", "A baby cried. Ding, ding! The baby giggled."],
            "lantern": ["It found {g}'s glasses behind the stove.", "It found a lost lamb in the fog.", "It found {f}'s ring in the deep grass."],
            "shell": ["The old horse said that its shoe hurt, and {h} told the farmer.", "The swallows said that a storm was coming, and {h} warned everyone.", "The cat said that it was lonely, and {h} took it on {his} lap."],
            "pair of boots": ["{he} brought medicine to a sick child in the next town.", "{he} carried a letter over the mountains and back before lunch.", "{he} fetched the doctor in the middle of the night."],
            "whistle": ["The mill stood still, and the wind turned it again.", "A ship could not move, and the wind filled its sails.", "It was a hot day, and the wind cooled the workers in the field."],
            "needle": ["{he} mended the fisherman's net.", "{he} mended {f}'s torn jacket.", "{he} even mended a broken wing of a butterfly."],
            "spoon": ["{he} cooked for the old people of the village.", "{he} cooked for travellers who were tired.", "{he} cooked for {f}, who had a cold."]}[i]
    for u in uses:
        s(u)
    s("[Everyone was glad that {h} was there.|People smiled when they saw {him}.]")
    s("""[But one day, {h} wanted to use it just for {himself}.|Then a rich man came. "Give it to me, and I will give you a bag of gold," he said. {h} thought about the gold.] {use} But [nothing happened|the magic was gone]! The {item} was [cold and grey|only an ordinary {item}]. {h} was [shocked|ashamed]. "[I forgot what I had promised|It is only for doing good]," {he} said.""".replace("{use}", "{he} [tried it once, only to show off|used it to get the biggest cake of all].").replace("a bag of gold,\" he said. {h} thought about the gold.]", "a bag of gold,\" he said. {h} thought of all {he} could buy, and {he} showed him the {item}.]"))
    s.para()
    s("""[So {h} went out and helped without any magic.|"Then I will help with my own hands," {he} said.] {he} [carried water for an old woman|swept the path for the neighbours|played with a lonely child]. It was hard work, but it felt good. And in the evening, the {item} began to [glow|shine] again. [{h} smiled. Now {he} knew where the magic came from.|{h} understood: the real magic was in {his} heart.]""")


def band(s):
    inst = s.rng.sample([("a drum", "boom, boom"), ("a flute", "tweet, tweet"), ("an old pot", "clang, clang"), ("a bell", "ding, dong"), ("a violin", "fiddle-dee"), ("a horn", "toot, toot"), ("two sticks", "click, clack"), ("a bottle", "whoo, whoo")], 4)
    animals = s.rng.sample([a for a in ["dog", "goose", "goat", "donkey", "frog", "cat", "crow", "pig", "hen", "badger"] if a not in (s.hero.noun, s.friend.noun)], 2)
    s.d.update(i1=inst[0][0], s1=inst[0][1], i2=inst[1][0], s2=inst[1][1], i3=inst[2][0], s3=inst[2][1], i4=inst[3][0], s4=inst[3][1], c1=animals[0], c2=animals[1])
    s.opening("found {i1} [in the attic|under the stairs|in an old chest]")
    s.para()
    s.day()
    s("""{h} went down the road and played. {s1}! {s1}! [Soon {f} looked over the fence.|{f} heard it and came out.] "[May I play, too?|I have {i2}. Can I come with you?]" asked {f}. "[Of course!|Yes, come along!]" said {h}. So they went on together. {s1}! {s2}!""")
    s("""[At the corner,|Behind the barn,] there was @a {c1} who looked sad. "[Nobody wants me. They say that I am too loud|I am too old to work]," said the {c1}. "[Loud is just right for a band|In a band, everyone is needed]," said {h}, and the {c1} got {i3}. {s1}! {s2}! {s3}! Then they met @a {c2}. The {c2} [had never made music before|was afraid to play a wrong note]. "[Wrong notes are only new notes|Just try it]," said {f}, and the {c2} took {i4}.""")
    s.para()
    s("""At first it sounded terrible. [The birds flew away.|A baby began to cry.|The neighbours closed their windows.] [Everyone played as loud as possible, and nobody listened.|One was fast, and one was slow.] "Stop!" said {h}. "[Let us listen to each other|First we must listen]." So they played again, [softly|slowly]. {s1}, {s2}, {s3}, {s4}. And suddenly, it was music! [The windows opened again.|The birds came back and sang along.|The baby laughed.]""")
    s("""[In the evening, the whole village danced.|People came out of their houses and danced in the street.] The {c1} was not sad any more, and the {c2} [played the loudest of all|was not afraid any more]. "[Tomorrow again?|Shall we play again tomorrow?]" asked {f}. "[Every day|Tomorrow and always]," said {h}.""")
    s.chance(0.6) and s.moral("music begins with listening", "everyone has a place in the band", "it sounds best together") or s.goodnight()
