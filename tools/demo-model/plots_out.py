"""Plots out of doors: gardens, animals in need, getting lost, races, bridges, kites, snow, treasure, the sea."""
import words as w
from story import PRONOUNS


def garden(s):
    plant, kind = s.rng.choice(w.PLANTS)
    s.set(plant=plant, thing="seed")
    s.opening("[liked to dig in the earth|loved the garden|loved everything that was green]")
    s.para()
    s.day()
    s("""{his} {gw} gave {him} [a tiny seed|one small seed]. "[If you take care of it, it will become @a {plant}|Plant it and be patient. One day it will be @a {plant}|There is @a {plant} sleeping inside]," {ghe} said.
      {h} [looked at the seed. It was so small!|laughed. "So small?"|held the seed carefully in {his} hand.] {he} made a hole in the earth, put the seed in, and [covered it gently|gave it some water].""")
    s("""[The next morning, {h} ran out to look. There was nothing.|{h} sat down next to it and waited. Nothing happened.|Every hour, {h} went to look. There was only brown earth.] [The day after, there was still nothing.|Two days passed, and then three.|A whole week went by.] "[Why does it not grow?|Maybe it is broken.|It is taking so long!]" said {h}.""")
    s.para()
    s.maybe(0.5, """[{h} wanted to dig it up to see. "Don't," said {g}. "It needs to rest. Good things take time."|"Sing to it," said {g}. "Then the waiting is not so long." So {h} sang to the seed every evening.|"You can't pull it up by wishing," said {g} and smiled.]""")
    s("""[So {h} gave it water every day|So {h} waited, and every morning {he} brought it water]. [Then the sun was very hot, and {h} made a little roof of leaves.|One night, a storm came, and {h} put a bucket over it.|When the weeds came, {h} pulled them out one by one.|When the snails came, {h} carried them to the other side of the garden.]""")
    s("""[And then, one morning,|At last, after the rain,] there was [a tiny green tip|a small green leaf]! "[It is growing!|Hello, little one!|Look, look!]" {h} [cried|shouted] and [danced|hopped] around the garden.
      [It grew and grew.|Day by day, it became taller.|Soon it was as tall as {h}.]""")
    s.para()
    if kind == "flower":
        s("""In the summer, the {plant} opened its first [{colour} |]flower. [It was the most beautiful flower in the garden.|It smelled so sweet that the bees came from far away.|A butterfly sat down on it.] [{h} gave the flower to {f}, who was sick.|{h} called {f} to see it, and they sat beside it the whole evening.|{h} took the new seeds and gave one to {f}. "Be patient," {he} said.]""")
    elif kind == "tree":
        s("""It was only a small tree, and {h} had to wait for a long time. The tree grew, and {h} grew, too. [And one summer, there was the first fruit. {h} shared it with {f}. It was sweet and juicy.|Then, one spring, it was full of white blossoms. {h} and {f} sat under it and listened to the bees.]""")
    else:
        s("""In the end, {h} had [more than {he} could eat|a whole basket full|the biggest harvest of all]. [{g} made a big pot of soup, and all the neighbours came.|{h} gave some to {f} and some to the neighbours.|{f} came, and they had a feast in the garden.] "[This tastes so good|I never ate anything better]," said {f}. "[It is full of sun|I grew it from one little seed]," said {h} proudly.""")
    s.moral("good things take time", "small things can become big when you care for them", "patience is like water for a seed",
            "a little care every day goes a long way")


def hurt_animal(s):
    a = s.pick("pet", [x for x in w.FOUND if x != s.hero.noun])
    wings = a in ("bird", "duckling", "owl", "robin", "butterfly", "bee")
    s.opening("loved [animals|all small creatures]")
    s.para()
    s.day()
    s("""{h} [was walking near {place}|went to {place}] when {he} heard a [tiny|soft] sound. [It came from the grass.|{he} stopped and listened.|"Who is crying?" {he} asked.] There, [under a bush|between two stones|beside the path], was a [small|little] {pet}. {hurt}""".replace("{hurt}", "[Its wing was hurt, and it could not fly.|It had fallen down and one wing was hanging.]" if wings else "[Its leg was hurt, and it could not walk.|It was wet and cold, and it shivered.|It had a thorn in its foot.]"))
    s("""[The {pet} was afraid.|The {pet} looked at {him} with frightened eyes.] "[Don't be afraid|I will not hurt you|I will help you]," said {h} [softly|gently|in a quiet voice].""")
    s.para()
    s("""{h} [took off {his} scarf and wrapped the {pet} in it|carried the {pet} home in {his} hat|carried the {pet} home very carefully]. {his} {gw} helped {him}. They [made a soft bed in a box|put some straw into a basket] and gave it [water and food|something warm to drink]. "[It needs rest and quiet|It must rest for a few days|You will have to be gentle]," said {g}.""")
    s("""[Every morning, {h} fed the {pet} and talked to it.|{h} looked after it day and night.|{h} even slept next to the box.] [The {pet} was not afraid any more.|Little by little, the {pet} began to trust {him}.|Soon the {pet} knew {his} voice.] [{h} called it {petname}.|{f} came to see it, and they named it {petname}.]""".replace("{petname}", s.rng.choice(w.PETS)))
    s.para()
    s("""[After two weeks,|Then one day,|At last,] the {pet} was strong again. It [hopped around the room|wanted to go out|looked at the window all day]. {h} [felt a little sad|wanted to keep it]. "[It wants to go home|It misses its family|It needs the open sky]," said {g}. {h} [nodded|thought about it for a long time. Then {he} nodded|swallowed hard and nodded].""".replace("open sky", "open sky" if wings else "wide world"))
    s("""[They went back to {place}|Together they took the {pet} back]. {h} opened {his} hands. The {pet} looked at {him} one more time, and then it {went}. "[Goodbye, little friend!|Be careful!|Come and see me!]" {h} called.""".replace("{went}", "[flew up into the blue sky|rose into the air]" if wings else "[ran into the tall grass|was gone between the leaves]"))
    s("""[The next spring, there was a [tap|sound] at the window. It was the {pet}, and it was not alone. It had brought its family!|And do you know what? Every year, the {pet} came back to say hello.|From then on, when {h} walked near {place}, {he} often heard a small voice that seemed to say thank you.|A few days later, {h} found a [shiny stone|feather|red berry] in front of the door. {he} knew who had brought it.]""")
    s.maybe(0.6, "[{h} knew that {he} had done the right thing.|To love someone also means to let go, thought {h}.|{h} smiled. Some friends live in the wild, and they are friends all the same.]")


def lost(s):
    lure = s.pick("lure", ["butterfly", "firefly", "dragonfly", "white feather", "red leaf", "hare", "blue bird", "balloon"])
    s.opening("[loved to explore|was very curious|always wanted to know what was behind the next tree]")
    s.maybe(0.6, "\"[Don't go too far|Stay where you can see the house|Stay on the path],\" {his} {gw} always said.")
    s.para()
    s.day()
    s("""{h} saw a [beautiful |]{lure}. It [flew|drifted|went] from tree to tree, and {h} [ran after it|followed it]. {he} went over [a bridge|a hill] and [under a fallen tree|through the ferns]. [Then the {lure} was gone.|But the {lure} was too fast, and soon it was gone.] {h} looked around. [All the trees looked the same.|{he} did not know this place.|Where was the path?]""")
    s("""["Hello?" {h} called. Only the wind answered.|It was getting dark, and {h} was [afraid|cold].|{h} walked to the left. Then {he} walked to the right. {he} was lost.] ["I want to go home," {he} [said|whispered].|A tear ran down {his} face.]""")
    s.para()
    helper = s.pick("helper", [x for x in ["old owl", "little mole", "tall deer", "grey goose", "wise old toad", "snail", "beaver", "hedgehog", "squirrel", "crow", "badger"] if s.hero.noun not in x])
    way = s.rng.randrange(5)
    s("""[Then {he} heard a voice. "Why are you crying?" It was @a {helper}.|@A {helper} [looked out from behind a tree|came along]. "[You are far from home, little one|You look lost|I think you need help]," said the {helper}.] """)
    s("""["I am lost," said {h}. "I can't find my way home."|{h} told the {helper} everything.] [The {helper} thought for a while.|"Don't worry," said the {helper}.|The {helper} nodded.]""")
    s(["\"Do you hear the stream? Follow the water. It flows to your [village|home],\" said the {helper}. {h} listened. Yes, there it was! {he} followed the stream, around stones and roots, and it sang to {him} all the way.",
       "\"Do you see the brightest star? Your home lies under it,\" said the {helper}. {h} looked up. {he} walked and walked, and the star went with {him} between the branches.",
       "\"Be quiet and listen,\" said the {helper}. Far away, a bell was ringing. It was the bell of {his} [village|home]! {h} walked toward the sound. Ding, dong. With every step, it became louder.",
       "\"Look at the ground,\" said the {helper}. There were {his} own footprints in the soft earth! {h} followed them back, step by step.",
       "\"I know the way. Come with me,\" said the {helper}. They walked together, and the {helper} [told {him} the names of the trees|hummed a song], so that {h} was not afraid any more."][way])
    s.para()
    s("""[At last {h} saw a light.|Then {he} saw the lights of home.|And there, at the end of the path, was a small light.] {his} {gw} [stood at the door with a lantern|was looking for {him} everywhere|ran toward {him}]. "[There you are!|I was so worried!|My little one!]" {ghe} cried and [hugged {him}|took {him} in {ghis} arms|held {him} tight].""")
    s("""["I am sorry that I went so far," said {h}.|{h} told {ghim} about the {helper}.|"I will stay on the path next time," {h} promised.] [They had warm soup, and {h} was glad to be home.|The soup had never tasted so good.|The next day, they went back and brought the {helper} a basket of [nuts|berries] to say thank you.]""")
    s.maybe(0.7, "[{h} still loved to explore, but {he} always looked back to remember the way.|From then on, {h} put a white stone on the path after every hundred steps.|And {h} knew that it is wise to ask for help.|Since that day, {h} and the {helper} were friends.]")


def race(s):
    s.opening()
    s.para()
    prize = s.rng.choice(["a golden cup", "a basket of apples", "a blue ribbon", "a big honey cake", "a silver bell", "a crown of flowers"])
    s.d["prize"] = prize
    r = s.rng.choice(["race", "boat race", "sled race", "scooter race"] if s.hero.kind == "child" else ["race", "race around the lake", "race up the hill"])
    s.d["race"] = r
    s("""[Every year, there was a {race}.|One day, there was a big {race}.] The winner would get {prize}. {h} wanted to win [so much|more than anything]. {he} [practised every day|ran up and down the hill every morning|went to bed early every night].
      [{f} wanted to win, too. {fhe} was very fast.|{f} was the fastest of all. "I will win," {fhe} said. "You are too small."|"You will never win," said {f}. "I am much faster."]""")
    s.para()
    s("""[The day came|At last it was the day of the {race}]. [Everyone stood along the road and cheered.|There were flags and drums.] "[Ready, steady, go!|One, two, three, go!]" And off they went!
      {f} was [soon far ahead|the first at the first corner]. {h} [tried as hard as {he} could|did not give up]. [Step by step, {he} came closer.|{his} heart was beating fast.]""")
    s("""[Suddenly, {f} fell.|Then, at the [bridge|old tree], {f} slipped and fell down.|But behind the hill, {h} saw {f} on the ground.] "[Ouch! My foot!|Oh, my leg!]" {fhe} cried. [{h} could see the finish. {he} could be the first!|Now the way was free. {h} could win!] {h} [stopped|looked at the finish, and then {he} looked at {f}].""")
    s.para()
    s("""[{he} turned back.|"Winning is not everything," {he} thought.|{he} did not think for long.] "[Hold on to me|Give me your hand|Lean on me]," said {h}[, and {he} helped {f} to stand up|]. "[Go on! You can win!|But you will lose!]" said {f}. "[I don't want to win like that|We will go together|A friend is more important than {prize}]," said {h}.
      [Slowly, they went to the finish together.|Side by side, step by step, they came to the finish.] [They were the very last.|The others were there already.|Everybody had passed them.]""")
    s("""[But everyone [clapped|cheered] louder than ever before.|Then everyone stood up and clapped.] [The old {judge} gave {prize} to the winner. But then {judgehe} gave {h} a hug and said, "You have the biggest heart of all."|And {f} said to everyone, "{h} is the real winner."|"I was not nice to you, and you helped me," said {f}. "Thank you, my friend."]""".replace("{judge}", "teacher" if s.hero.kind == "child" else "turtle").replace("{judgehe}", "she"))
    s.moral("kindness is better than winning", "a friend is worth more than a prize", "it is good to stop and help", "you can lose a race and win a friend")


def bridge(s):
    s.opening(mention_friend=True)
    s.para()
    s.day()
    goal = s.rng.choice(["the sweet berries", "the big apple tree", "the golden flowers", "the old swing", "the cave", "the tall hill"])
    s.d["goal"] = goal
    s("""{h} and {f} wanted to go to {goal} on the other side of the stream. But [the rain had made the stream wide and wild|the old bridge was gone. The storm had broken it|the water was too deep]. "[How can we get across?|What shall we do now?]" asked {f}.
      "[I can jump it!|I will jump,]" said {h}. {he} ran and jumped. Splash! {he} landed in the [cold|brown] water. [{f} pulled {him} out. They both laughed.|{f} held out a long stick and pulled {him} out.|"Brr!" said {h}, and {he} shook {himself}.]""")
    s.para()
    s("""["I know!" said {f}. "We can put a branch across."|"We need a bridge," said {f}.] They found a [thin branch|long stick], but when {h} stepped on it, it [broke. Crack!|bent and broke.] "[It is too thin|It is not strong enough]," said {h}. [They sat down and thought.|They were quiet for a while.]""")
    s.d["tree"] = s.rng.choice(["a fallen tree", "a heavy log", "a long board", "an old ladder"])
    s("""Then they saw {tree}. {h} pulled, but it did not move. {f} pushed, but it did not move. "[Together!|Let us do it together!|You pull, and I push!]" said {h}. "[One, two, three!|Now!]" [It moved a little.|Slowly, it began to roll.] But it was still too heavy.""")
    h2 = s.rng.choice([("a big bear", "bear"), ("a brown cow", "cow"), ("an old horse", "horse"), ("a strong badger", "badger"), ("a friendly donkey", "donkey"), ("a family of beavers", "beavers")])
    s.d.update(big=h2[0], bign=h2[1])
    s("""[Then {big} came along.|{big} heard them and came near.] "[May I help?|Do you need help?]" said the {bign}. "[Yes, please!|Oh yes!]" [they said|said {h} and {f}]. {h} pulled, {f} pushed, and the {bign} pushed, too. [Bump!|And bump!] It fell right across the stream. "[Hooray! We have a bridge!|A bridge!]" they [shouted|cheered].""")
    s.para()
    s("""[One after the other, they walked across.|{h} went first, and {f} came after, holding {his} hand.] They [came to {goal} and had a wonderful afternoon|reached {goal} at last]. The {bign} [came, too|ate with them and told old stories]. [And from then on, everyone used the bridge.|And the bridge is still there today.]""")
    s.moral("together you can do what you can't do alone", "many hands make heavy things light", "a good idea often needs a second try")


def kite(s):
    s.pick("toy", ["kite", "balloon", "toy plane", "hat", "ball", "cap", "paper plane", "scarf"])
    s.set(mat=s.rng.choice(w.COLOURS + ["new", "big", "lovely"]))
    s.opening("had @a {mat} {toy}")
    s.para()
    s.day()
    s("""[the wind was strong|it was windy], and {h} [took the {toy} to {place}|ran outside with the {toy}]. [It was so much fun!|Up, up, up it went!|The trees were dancing, and the clouds ran across the sky.] But then a [big|strong] [wind|gust] came and [took the {toy} away|blew the {toy} into the air]. It flew over the fence and landed high up in a tall tree.
      "[Oh no! My {toy}!|Come back!|Now I will never get it back!]" [cried|said] {h}.""")
    s.para()
    s("""{h} jumped, but the tree was too high. {he} shook the tree, but the {toy} did not fall. {he} [threw a stick, and the stick got stuck, too|tried to climb, but {he} slid down again].""")
    if s.rng.random() < 0.5:
        s("""{f} [came by|was passing by]. "[I can climb on your back|Stand on my shoulders|We can use a long pole]," {fhe} said. They tried. They almost reached it, but then they [wobbled and fell into the grass|began to laugh and fell down]. """)
    bird = s.rng.choice(["crow", "squirrel", "robin", "blackbird", "magpie", "pigeon", "owl"])
    s.d["bird"] = bird if s.hero.noun != bird else "jay"
    s("""[In the tree, there was @a {bird}.|Then {h} saw @a {bird} on a branch.] "[Please, can you help me?|Dear {bird}, can you get my {toy}?]" asked {h}. "[I would, but my nest is broken. The wind blew half of it away|I am too hungry to help. I have not found any food today|Why should I? Yesterday someone threw stones at me]," said the {bird}.""")
    last = s.parts[-1]
    s("""[{h} forgot the {toy} for a moment.|"Oh, you poor {bird}," said {h}.|{h} felt sorry for the {bird}.] """ + (
        "{he} gathered soft grass and small twigs and laid them on a low branch. The {bird} took them up, one by one, until the nest was whole again." if "nest" in last else
        "{he} gave the {bird} [{his} bread|the nuts from {his} pocket|half of {his} bun]. The {bird} ate every crumb." if "hungry" in last else
        "\"That was not right. I am sorry,\" {he} said. \"I will tell everyone to be kind to you.\" The {bird} put its head to one side and looked at {him} for a long time."))
    s.para()
    s("""["You are kind," said the {bird}.|"Nobody was ever so nice to me," said the {bird}.] It [hopped|flew] up to the {toy}, pulled here and pulled there, and down it came, [slowly, like a leaf|right into {h}'s hands]. "[Thank you!|Oh, thank you, dear {bird}!]" {h} [shouted|laughed].""")
    s.rng.choice([lambda: s.moral("kindness comes back to you", "when you help others, they will help you", "a kind word works better than a stick"), s.goodnight,
                  lambda: s("[From then on, {h} and the {bird} met every day.|And when the {toy} flew again, the {bird} flew beside it.|Every morning, {h} brought some crumbs for the {bird}.]")])()


def snowman(s):
    s.opening("loved the winter[ and the snow|]")
    s.para()
    s("""[One morning, everything was white.|In the night, it had snowed.|One winter day, big flakes fell from the sky.] {h} and {f} [ran outside|put on warm scarves and ran out] and made a snowman. They gave him [a carrot nose|a nose made of a pine cone], [two black stones|two chestnuts|two buttons] for eyes, and [an old hat|a big {colour} scarf|a straw hat]. "[He looks nice|What a fine snowman|He looks so real]," said {f}. "[Let us call him|His name is] {sn}," said {h}.""".replace("{sn}", s.rng.choice(["Mr. Frost", "Snowy", "Mr. White", "Crunch", "Old Chilly", "Flake", "Barnaby"])))
    mode = s.rng.randrange(3)
    if mode == 0:
        s.para()
        s("""In the evening, {h} looked out of the window. [The snowman stood all alone in the dark.|It was very cold, and the snowman looked lonely.] "[He needs a friend|Nobody should be alone at night]," said {h}. So the next day, they built [a snow dog|a snow woman|a small snow child] next to him. [And it seemed to {h} that the snowman was smiling more than before.|In the morning, the two of them stood so close that they looked like old friends.]""")
        s("""[Then the sun became warmer, and spring came.|Weeks went by. The days grew longer.] The snowmen became [smaller and smaller|thin], and one day there was only a puddle, [a carrot|two stones] and a [hat|scarf]. {h} was sad. "[Don't cry|Look]," said {g}. "[Now they are in the stream, on their way to the sea. They will come back as snow.|The water makes the flowers grow.]" And [really, on that spot, the first snowdrops bloomed|the next winter, big flakes fell from the sky again].""")
    elif mode == 1:
        s.para()
        s("""At night, when everyone was asleep, the snowman [opened his eyes|winked]. "[Thank you for making me|Good evening, {h2}]," he said. {h}, who was standing at the window, [could not believe {his} ears|rubbed {his} eyes]. "[You can talk!|You are alive!]" {he} whispered. "Only [on the first night of snow|when the moon is full]," said the snowman. "[Do you want to see something beautiful?|Come, I will show you the winter.]" """.replace("{h2}", "my friend"))
        s("""He took {h} by the hand, and they [walked|danced] through the white [garden|forest]. [Every tree was covered with silver.|The ice on the pond shone like glass.|The stars looked so near that one could almost touch them.] [They slid down the hill and laughed without a sound.|A white hare came and danced with them.|The snowman showed {him} how each flake is a tiny star.] Then [the moon went down|it was time to sleep], and {h} [was back in {his} bed|went home].""")
        s.para()
        s("""In the morning, {h} thought, "[It was only a dream|I have only dreamed that]." But [in {his} pocket, there was a little star of ice that did not melt|there were two rows of footprints in the snow, big ones and small ones|the snowman had one arm up, as if he were waving].""")
    else:
        s.para()
        s("""[Then they saw a small [bird|mouse|hare] that was shivering in the snow.|Near the fence, a small [bird|mouse|hare] sat and shivered.] "[It is cold and hungry|It has nothing to eat]," said {f}. {h} took [the carrot nose|the snowman's nose] and [gave it to the little animal|laid it in front of the little animal]. "[But now he has no nose|And our snowman?]" asked {f}. "[He does not need it as much|I think he likes to share]," said {h}.""")
        s("""[The animal ate and ate.|The little animal nibbled happily.] They also took [the scarf|the hat] and made a warm nest under the hedge. [The next day, the snowman had a new nose: a red berry.|When they came back the next morning, someone had given the snowman a new nose made of a nut.] [Who had put it there? {h} saw tiny footprints in the snow and smiled.|"Look at the tiny footprints," said {h}. "Somebody said thank you."]""")
    s.chance(0.5) and s.goodnight()


def neighbour(s):
    s.pick("toy", ["ball", "kite", "toy plane", "hat", "paper plane", "balloon"])
    nb = s.rng.choice([("Mr. Stone", "he"), ("Mrs. Thorn", "she"), ("old Mr. Grim", "he"), ("old Mrs. Black", "she"), ("Mr. Bark", "he"), ("Mrs. Crow", "she")])
    p = PRONOUNS[nb[1]]
    s.d.update(nb=nb[0], nhe=p[0], nhim=p[1], nhis=p[2])
    s.opening()
    s.para()
    s("""Next door lived {nb}. [Everyone was afraid of {nhim}.|{nhe} never smiled, and {nhe} never said hello.|"{nhe} is so grumpy," everyone said.] One day, {h} was playing with {his} {toy}. [It flew|The {toy} flew] over the fence, right into {nb}'s garden. [Crack! It hit a flower pot.|It landed in the rose bed and broke a rose.|Bump! It knocked over a bucket.]
      "[Let us run away!|Don't go there!]" said {f}. "[{nhe} will be so angry.|{nhe} will shout at you.]" """)
    s.para()
    s("""{h} [was afraid, too|felt {his} knees shake]. But {he} thought, "[It was my fault. I must say sorry|I want to be honest|I can't just run away]." So {he} went to the door and knocked. [Knock, knock.|Slowly, the door opened.] {nb} looked down at {him}. "[What do you want?|Yes?]" {nhe} [growled|said].
      "I am sorry. My {toy} fell into your garden and broke something," said {h}. "[I will help you to mend it.|May I help you in the garden?|I will work in your garden to make it good.]" """)
    s("""{nb} was quiet[ for a long time|]. Then [something strange happened. {nhe} smiled|the corners of {nhis} mouth went up]. "[You are the first one who ever came to say sorry|Nobody has knocked at my door for years|You are an honest one]," {nhe} said. "[Come in.|Come, I will show you something.]" """)
    s.para()
    s("""[Together they mended what was broken.|They worked side by side until all was in order.] Then {nb} [made hot chocolate and told {him} about the time when {nhe} sailed around the world|showed {him} an old box full of puppets. {nhe} had been a puppet player once|played the piano, and it was the most beautiful music|showed {him} a nest with three tiny birds behind the house]. [{h} forgot the time.|{h} listened with big eyes.] "[Why are you always so sad?|Why do you never smile?]" {he} asked. "[I am alone, and I have forgotten how to smile|When nobody visits, one becomes grumpy]," said {nb}.""")
    s("""From then on, {h} [visited {nhim} every week|came every Sunday]. [Soon {f} came along, too.|And {he} brought {f}, who was not afraid any more.] [And nobody called {nb} grumpy again.|{nb} laughed so much that the whole street could hear it.|And the gate in the fence was always open.]""")
    s.maybe(0.6, "[{h} had learned that a grumpy face can hide a lonely heart.|It is good to be honest, thought {h}. You may even find a friend.|\"I am glad that my {toy} flew over the fence,\" said {h}.]")


def treasure(s):
    s.opening("[loved stories about pirates|dreamed of finding a treasure|loved riddles]", mention_friend=True)
    s.para()
    s.day()
    s("""[{h} found an old map in the attic|a bottle came floating down the stream. Inside was a map|{h} opened an old book, and a map fell out]. There was a red cross on it. "[A treasure map!|This must be a treasure map!]" {h} [cried|whispered]. {he} ran to {f}, and they [set out at once|packed bread and a lamp].""")
    steps = s.rng.sample(["The map said: Start at the big rock and walk ten steps to the sun. \"One, two, three...\" they counted.",
                          "They had to cross the stream. They hopped from stone to stone. {f} almost fell in, but {h} caught {fhim}.",
                          "Then they came to a hollow tree. Inside, someone had drawn an arrow with chalk.",
                          "The path went through a dark tunnel of bushes. They held hands and sang, so that they were not afraid.",
                          "They climbed a hill. From the top, they could see the whole valley, and far away, an old oak that looked just like on the map.",
                          "A goat stood in the way and would not move. {h} gave it an apple, and it stepped aside.",
                          "Next to a stone, they found a riddle: I have hands but I can't hold. What am I? \"A clock!\" said {f}. And behind the old clock tower, the path went on."], s.rng.choice([2, 3]))
    for x in sorted(steps, key=lambda x: not x.startswith("The map")):
        s(x)
    s.para()
    s("""[At last they stood before the place with the cross.|And there it was, the place with the red cross.] They dug [with their hands|with a stick] until they [hit something hard|heard a knock]. It was an old [box|chest]! ["Maybe it is full of gold!" said {f}.|"What is inside?" asked {f}.|{f} held {fhis} breath.] """)
    t = s.rng.randrange(4)
    s("[{h} opened it slowly.|The lid creaked. They held their breath.] " + [
        "There was no gold. There was an old photograph of two children, arm in arm, and a letter. \"Whoever finds this,\" it said, \"the real treasure is the friend who came along.\" {h} and {f} looked at each other and smiled.",
        "It was full of marbles, whistles and painted stones. A child had hidden them a long, long time ago. {h} and {f} shared them, and each of them put in a toy of their own for the next one to find.",
        "Inside was a bag of seeds and a note: \"Plant me.\" They planted the seeds around the place, and in the summer there was a sea of {colour} flowers. That was more beautiful than gold.",
        "Inside was a silver bell with a name on it. It was the name of {h}'s {gw}! \"I hid it when I was as small as you,\" {ghe} said that evening and wiped away a tear. \"Thank you for bringing it back.\""][t])
    s.chance(0.6) and s.moral("the way can be the best part of a treasure hunt", "a good friend is the best treasure", "not all treasures are made of gold") or s.goodnight()


def learn(s):
    sk = s.rng.choice([("to swim", "swim", "swam", "in the lake"), ("to ride a bike", "ride a bike", "rode", "on the road"), ("to whistle", "whistle", "whistled", "on the hill"),
                       ("to skate", "skate", "skated", "on the ice"), ("to juggle", "juggle", "juggled", "in the garden"), ("to dance", "dance", "danced", "in the yard"),
                       ("to climb the tall tree", "climb the tall tree", "climbed", "by the river"), ("to play the flute", "play the flute", "played", "under the oak"),
                       ("to jump over the stream", "jump over the stream", "jumped", "by the stream"), ("to read", "read", "read", "in the quiet room"),
                       ("to do a handstand", "do a handstand", "tried", "on the grass")])
    s.d.update(skill=sk[0], can=sk[1], did=sk[2], where=sk[3])
    s.opening("wanted to learn {skill}")
    s.para()
    s("""All the others could {can}. {f} could {can} [very well|even with closed eyes]. [Only {h} could not.|But {h} had never tried.] [One day, {he} went out to try {where}.|"Today I will learn it," said {h} one morning.]
      {he} tried once. [It did not work.|It went wrong.] {he} tried again. [Bump! {he} landed on {his} bottom.|It was even worse.|That was not it.] [Some of the others giggled.|A crow on the fence laughed.|]""")
    s(""""[I can't do it!|I will never learn it!|It is too hard,]" said {h}, and {he} [threw {himself} into the grass|wanted to go home|sat down and pouted].""")
    s.para()
    tip = s.rng.choice(["Do it slowly first", "Don't be afraid to fall", "Take a deep breath and try one small part", "Look ahead and not at your feet", "Nobody can do it the first time"])
    s.d["tip"] = tip
    s("""{f} [sat down next to {him}|came over]. "[I fell a hundred times|I needed a whole summer to learn it|It was hard for me, too]," {fhe} said. "[Really?|You?]" asked {h}. "Yes. {tip}. [I will show you|I will stay with you|Come, I will help you]." """)
    s("""[The next day, they practised together.|Every afternoon, they practised.] On the first day, {h} [could do it for one second|almost did it]. On the second day, it was a little better. On the third day, it rained, and they practised [in the rain|anyway]. [{h} had a blue spot on {his} knee, but {he} did not give up.|{h} fell and got up, fell and got up.]""")
    s.para()
    s("""And then, [one morning|all at once|on the seventh day], [it worked!|{he} could do it!] "[Look! I can {can}!|I can do it! I can do it!]" {h} [shouted|cried]. {f} [clapped|jumped up and down|cheered]. {his} {gw} came out to look and was very proud.""")
    s("""[Later, a small {small} came and looked sad. "I can't {can}," it said. {h} smiled. "{tip}," {he} said. "I will show you."|That evening, {h} showed it to everyone.|They {did} together until the sun went down.]""".replace("{small}", "hare" if s.hero.noun != "hare" else "mouse"))
    s.moral("you can learn hard things if you keep trying", "everyone has to start small", "it is all right to fall when you get up again",
            "practice makes hard things easy")


def picnic(s):
    s.opening(mention_friend=True)
    s.para()
    s.day()
    f1, f2 = s.rng.sample(["sandwiches", "apples", "a honey cake", "cheese", "cookies", "grapes", "a berry tart", "lemonade", "bread and jam", "pears"], 2)
    s.d.update(f1=f1, f2=f2)
    s("""{h} and {f} [packed|filled] a basket with {f1} and {f2}. They wanted to have a picnic at {place}. [The sun was shining.|The birds were singing.|It was a perfect day.] They [walked and sang|took turns carrying the basket] and found a [nice|soft] place under a tree. {h} put down the {colour} blanket. "[I am so hungry|Let us eat]," said {f}. "[First let us play a little|One game first]," said {h}.""")
    prob = s.rng.randrange(4)
    s("When they came back, " + ["a long row of ants was marching over the blanket, and every ant carried a crumb. \"[Our picnic!|They are eating our food!]\" cried {f}.",
      "the basket was empty! There were only crumbs. \"[Who ate our picnic?|Where is our food?]\" said {f}. Then they heard somebody burp behind the tree. It was a small goat.",
      "dark clouds came, and it began to rain. \"[Our picnic!|Everything will get wet!]\" cried {f}.",
      "the basket was gone! \"[Where is our basket?|Somebody took it!]\" said {f}. They followed a trail of crumbs and found a family of hungry mice."][prob])
    s.para()
    s(["{h} wanted to chase the ants away. Then {he} bent down. \"[Look how strong they are|They are helping each other],\" {he} said. They put a piece of food on a leaf for the ants, a few steps away, and the ants marched there. So there was enough for all.",
       "The goat looked down. \"[I am sorry. I was so hungry, and it smelled so good|I thought nobody wanted it],\" it said. {h} wanted to be angry, but the goat looked so sorry that {he} had to laugh. \"[Then you must show us where the sweetest berries grow|You can make it good],\" said {h}. And the goat led them to a bush full of ripe berries.",
       "\"[Quick, under the blanket!|I know what to do!]\" said {h}. They hung the blanket over a low branch, and it became a tent. Inside it was dry. They ate their {f1} and listened to the rain. A wet [rabbit|frog|sparrow] came in, too, and got a bite.",
       "\"[We have not eaten for two days|We have seven children],\" said the mother mouse. {h} looked at {f}, and {f} looked at {h}. \"[Let us eat together|There is enough for everyone],\" they said. And so they all sat in a circle and ate {f1} and {f2}."][prob])
    s.para()
    s("""["This is the best picnic ever," said {f}.|"It was not what we planned, but it was better," said {h}.|They laughed and ate until nothing was left.] [On the way home, they counted the clouds.|When the sun went down, they walked home, tired and happy.|At home, {h} told {his} {gw} all about it.]""")
    s.chance(0.5) and s.moral("there is always enough when you share", "a good day does not need to go as planned", "food tastes best with friends")

