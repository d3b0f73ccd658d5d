"""Plots around the house: lost things, rain, sharing, baking, mistakes, fear, bedtime, illness."""
import words as w
from story import PRONOUNS


def lost_toy(s):
    toy = s.pick("toy", w.SMALL_TOYS)
    s.set(mat=s.rng.choice(w.MATERIAL + w.COLOURS))
    inside = s.chance(0.5)
    spots = s.rng.sample(w.INDOOR if inside else w.OUTDOOR, 4)
    s.set(spot1=spots[0], spot2=spots[1], spot3=spots[2], where=spots[3])
    s.opening("had @a {mat} {toy} that {he} [loved very much|took everywhere|loved more than anything]")
    s.maybe(0.5, """[It was a present from {his} {gw}.|The {toy} was a present from {his} {gw}.|{h} had got the {toy} on {his} birthday.|
            Every night, {h} put the {toy} next to {his} pillow.|{h} often talked to the {toy} when nobody was there.]""")
    s.para()
    s.day()
    s("""[the {toy} was gone|{h} could not find the {toy}|{h} wanted to play, but the {toy} was not there].
      [{h} looked {spot1}. It was not there. {he} looked {spot2}. It was not there[ either|].|
      {h} looked {spot1}, but there was only [dust|an old sock|a leaf]. Then {he} looked {spot2}, but the {toy} was not there[ either|].|
      {he} searched {spot1} and {spot2}. No {toy}!|First {h} looked {spot1}. Then {he} looked {spot2}. {he} even looked {spot3}. The {toy} was nowhere.]""")
    s("""[{h} felt very sad.|{h} sat down and [began to cry|cried a little].|A tear rolled down {his} cheek.|{h} felt a lump in {his} throat.|
      "Oh no," said {h}. "Where is my {toy}?"|"My {toy} is lost!" {h} cried.]""")
    s.para()
    helper = s.rng.choice(["elder", "friend"])
    s.set(x="{his} {gw}" if helper == "elder" else "{f}", xhe=s.d["ghe"] if helper == "elder" else s.d["fhe"])
    if helper == "friend":
        s("""[Just then,|A little later,|Soon] {f} came by. "[Why are you so sad?|What is the matter?|What happened?]" {f} asked.
          "I [lost|can't find] my {toy}," said {h}.""")
    else:
        s("""[{x} heard {him} and came to help.|{x} saw {his} sad face.] "[What is wrong|What is the matter], [my dear|little one|{h}]?" {xhe} asked. "I [lost|can't find] my {toy}," said {h}.""")
    s("""["Don't worry. Let us look together," said {x}.|"Think," said {x}. "Where did you play with it [yesterday|last]?"|
      {x} [smiled|nodded] and said, "Two can look better than one."|"We will find it," said {x}. "I promise to help."]""")
    s("""[{h} thought hard. "I played {where}!" {he} [said|cried].|They looked high and low. They looked {spot3}. Then they looked {where}.|
      So they looked everywhere once more, slowly this time. At last they came to one last place.|{h} closed {his} eyes and thought about yesterday. Then {he} remembered a place.]""")
    who = s.rng.randrange(4)
    if who == 0:
        s("""[And there it was! The {toy} was {where}.|There, {where}, was the {toy}!] [{h} had left it there and forgotten it.|It must have fallen down while {h} was playing.|It had been there all the time.]""")
    elif who == 1:
        s.pick("thief", ["puppy", "kitten", "magpie", "kid goat", "baby squirrel"])
        s("""There, {where}, they [saw|found] a [tiny|small] {thief}. It was [sleeping on|hugging|lying on] the {toy}! [{h} had to laugh.|"So you took it!" {h} laughed.|"Oh, you just wanted a friend," said {h}.]
          [{h} gave the {thief} an old sock to play with and took the {toy} back gently.|{h} gently took the {toy} and found a soft cloth for the {thief} instead.]""")
    elif who == 2:
        s("""[And there it was! The {toy} was {where}.|The {toy} was {where}!] [It was a little dirty, but it was not broken.|It was dusty, but {h} did not mind.] [They washed it with warm water|{h} wiped it with {his} sleeve], and soon it [looked as good as new|was clean again].""")
    else:
        s("""Something {colour} was [shining|peeping out] {where}. It was the {toy}! [{h} jumped for joy.|{h} danced around and laughed.]""")
    s.para()
    s("""[{h} hugged the {toy} and then hugged {x}.|{h} held the {toy} tight.|"Thank you, thank you!" said {h}.|{h} was so happy that {he} gave {x} a big hug.]
      ["I am so glad that you helped me," {he} said.|"You are the best," {he} said.|"Now I will take better care of it," {he} said.|]""")
    s.rng.choice([s.goodnight, lambda: s.moral(
        "two can look better than one", "it helps to ask for help", "it is good to put things back in their place",
        "you should never give up too soon", "a good friend helps when you are sad")])()


def rainy_day(s):
    s.opening()
    s.para()
    s.d["plan"] = s.rng.choice(["go to the park", "play outside", "have a picnic", "fly a kite", "ride to the lake",
                                "go to {place}", "pick berries", "climb the big tree", "play ball"])
    s.day()
    s("""{h} wanted to {plan}. But when {he} [looked out|opened the door], [it was raining|the rain was falling hard|big grey clouds filled the sky and it began to rain].
      [Drip, drop, drip, drop.|The rain drummed on the roof.|Water ran down the [window|path] like a little river.|]
      ["Oh no," said {h}. "[My day is ruined!|Now I can't {plan}.|What can I do now?]"|{h} was [sad|cross|disappointed]. {he} did not like rain at all.]""")
    s.para()
    if s.chance(0.5):
        s("""{his} {gw} [smiled|came and sat beside {him}]. "[Rain is not so bad|A rainy day can be fun, too]," {ghe} said. "Let us see what we can [do|make] with {stuff}."
          """.replace("{stuff}", "[a blanket and two chairs|an old box|some paper and glue|pots and spoons|old clothes from the big chest]"))
    else:
        s("""[There was a knock at the door.|Then somebody knocked.] It was {f}, all wet and [smiling|laughing]. "[May I come in? I have an idea!|Let us play inside!|I know a game for rainy days!]" said {f}.""")
    s.d["game"] = s.rng.choice([
        "[They|Together they] [built a tent|made a cave] with a blanket and two chairs. Inside it was dark and cosy. They [told stories about pirates|ate nuts and whispered secrets|made shadow animals on the wall with a lamp].",
        "They found a big box and turned it into a ship. {h} was the captain. \"[Land ahead!|Hold on, a big wave!]\" {h} shouted, and they sailed [to an island of pillows|around the whole room].",
        "They made [paper boats|little boats of bark]. When the rain was only a drizzle, they put on their boots and let the boats swim in the [puddles|little stream beside the path]. {h}'s boat was [the fastest|the smallest, but it never sank].",
        "They took pots and spoons and made a band. {h} played the drum, and the rain on the roof played along. Boom, boom, drip, drop! It was the [funniest|loudest] music in the world.",
        "They cut [stars and fish|birds and flowers] out of paper and hung them on a string. Soon the whole room looked like [the sky at night|a garden|the bottom of the sea].",
        "They opened the big chest and found old hats and coats. {h} became a [king|queen|wizard], and they made a play with [a dragon and a lost crown|a wise owl and a silly giant]. They laughed until their bellies hurt.",
        "They baked [cookies|little cakes] in the shape of [clouds|stars|umbrellas]. The whole house smelled sweet. They ate them warm, while the rain sang outside."])
    s("{game}")
    s.para()
    s("""[After a while,|Much later,|When they looked out again,] the rain [had stopped|stopped]. [The sun came out, and|The clouds opened, and] a [big|beautiful] rainbow [stood over|shone above] {place}.
      [{h} ran outside and jumped into the biggest puddle. Splash!|{h} opened the door. The air smelled fresh and clean.|Every leaf was shining. {h} splashed through the puddles and laughed.]""")
    s("""["I think I like rain now," said {h}.|"I hope it rains again tomorrow," {h} laughed.|"That was better than any sunny day," said {h}.|"This was the best rainy day ever," said {h}.]""")
    s.chance(0.6) and s.moral("a rainy day can be full of fun", "you can have fun in any weather",
                             "sometimes a bad start makes a good day") or s.goodnight()


def sharing(s):
    toy = s.pick("toy", w.SHARE_TOYS)
    s.set(mat=s.rng.choice(["new", "shiny new", "big", "lovely"] + w.COLOURS))
    s.opening("had @a {mat} {toy}[ and was very proud of it|. It was the best {toy} in the whole world|]")
    s.para()
    s.day()
    s("""{h} [took the {toy} to {place}|was playing with the {toy} near {place}]. {f} came [along|running] and [looked at it with big eyes|stopped to watch].
      "[What a [nice|beautiful] {toy}!|I like your {toy}!] [May I play with it, too?|Can I have a turn?|Can we play together?]" asked {f}.""")
    s("""["No!" said {h}. "It is mine!"|"No," said {h}, and {he} held the {toy} tight. "[You might break it.|It is only for me.]"|{h} shook {his} head. "[I don't want to share|It is mine]," {he} said.]""")
    s("""[{f} looked down and walked away slowly.|{f}'s smile went away. {fhe} turned around and went home.|"All right," said {f} in a small voice, and {fhe} went to sit [alone under a tree|on a stone, all alone].]""")
    s.para()
    s("""{h} [played alone|went on playing]. [But soon it was not fun any more.|But after a while {he} felt bored.|But something was wrong. The {toy} was the same, but the fun was gone.]
      [There was nobody to laugh with.|Nobody laughed with {him}.|It was too quiet.] [{he} looked over at {f} and felt [bad|sorry|a little sting in {his} heart].|{he} thought of {f}'s sad face.]""")
    if s.chance(0.5):
        s("""{his} {gw} [sat down next to {him}|saw it all]. "[@a {toy} is nice, but a friend is nicer|Toys are more fun with a friend|@a {toy} can't laugh, but a friend can]," {ghe} said.""")
    s.para()
    s("""So {h} [ran|went] to {f}. "[I am sorry|I was not kind]," {he} said. "[Do you want to play with me?|Come, we can take turns.|You can have the first turn.]"
      {f} [smiled|looked up and smiled|jumped up]. "[Really? Thank you!|Yes, please!|I would love to!]" """)
    s("""[First {f} had a turn, then {h}, then {f} again.|They took turns and laughed the whole afternoon.|They played until the sun went down.|Together they found a new game, and it was much more fun than before.|
      {f} even knew a trick with the {toy}, and {fhe} showed it to {h}.]""")
    s.maybe(0.35, """[The next day, {f} brought {fhis} [own toys|box of crayons|basket of apples] and shared with {h}, too.|Then {f} took [two cookies|an apple] out of {fhis} pocket and gave [one|half] to {h}.]""")
    s.para()
    s.moral("sharing makes everything more fun", "a friend is better than any {toy}", "things are nicer when you share them",
            "it is never too late to say sorry", "two can have more fun than one")
    s.maybe(0.3, "[And the {toy}? It was always big enough for two.|The end.]")


def baking(s):
    cake = s.pick("cake", w.CAKES)
    s.set(thecake="the " + cake.split()[-1], ing=s.rng.choice(w.INGREDIENTS))
    s.opening("[loved to bake|liked to cook and to bake|loved the smell of fresh cake|had a big wooden spoon|loved sweet things|knew [five|ten|seven] recipes|wanted to be a baker one day]")
    s.para()
    s("""[Tomorrow was|It was] {f}'s birthday, and {h} wanted to [make|bake] {cake} [as a surprise|for {fhim}].
      [{h} put on an apron and washed {his} hands.|{he} took out the biggest bowl.|{he} tied an apron around {his} belly.|"{f} will be so happy," {he} thought.]""")
    s("""[{he} mixed and stirred.|{he} counted the spoons: one, two, three.|{he} stirred until {his} arms were tired.] [But then {he} looked into the [jar|cupboard].|Then {he} stopped.] "[Oh no!|Oh dear!] There is no {ing}!" said {h}. [Without {ing}, {thecake} would not be good.|]""")
    s.para()
    s.d["nb"] = s.rng.choice(["old Mrs. Green", "the baker", "Grandma Duck", "old Mr. Brown", "the goat next door", "the miller",
                              "Aunt Rose", "Uncle Bear", "the old beekeeper", "Mrs. Hen"])
    s("""So {h} [went|ran|walked] to {nb}. "[Please, do you have some {ing}?|May I have a little {ing}, please?] It is for {f}'s birthday," {h} said.
      "[Of course,|Gladly,|Yes,]" said {nb}. ["But first, can you help me [carry this basket|find my glasses|water my flowers|sweep the steps]?" {h} helped at once, and then {he} got the {ing}.|
      "Take as much as you need." {h} said thank you and ran home.|"And bring me a small piece of {thecake}." "I will," {h} promised.]""")
    s.para()
    bad = s.rng.randrange(4)
    s.d["did"] = ["{h} put {thecake} into the oven and waited. {he} waited so long that {he} fell asleep! [Then there was smoke.|A dark smell woke {him} up.] {thecake} was [burnt|black] on top.",
                  "At last {thecake} was ready, and it smelled wonderful. But when {h} carried it to the table, {he} tripped. Splat! {thecake} fell on the floor and broke in two.",
                  "{thecake} grew and grew in the oven. It came out [golden and round|warm and sweet]. {h} put [{f}'s name|a big heart|little flowers] on top.",
                  "{h} took {thecake} out of the oven. It was flat like a plate! {he} had forgotten to wait until the oven was hot."][bad]
    s("{did}")
    if bad != 2:
        s("""[{h} wanted to cry.|{h}'s eyes filled with tears.|"Now everything is ruined," {h} cried.] [{his} {gw} put an arm around {him}.|Then {his} {gw} came in.] """)
        s(["""["We can cut off the top and cover it with cream," {ghe} said.|"Only the top is burnt. Let us hide it under [berries|cream]," said {g}.] And so they did.""",
           """["We can put it together with cream," {ghe} said.|"Two halves make a whole. We need some cream," said {g}.] They glued the halves with cream, and {thecake} looked like a [butterfly|mountain|boat].""", "",
           """["Flat cakes make good towers," {ghe} said.|"Then we cut it and make a tower," said {g}.] They put the pieces on top of each other with jam in between. What a tower!"""][bad])
    s.para()
    s("""[In the afternoon,|The next day,|Soon] all the friends came. They sang a song, and {f} blew out the [candles|candle]. {f} took a [big|first] bite. "[Mmm! This is the best cake I ever had!|Oh, it is so good! Did you make it?|It tastes wonderful!]" said {f}.
      [{h} felt warm and proud.|{h} smiled from ear to ear.|{h} was so happy that {he} danced.]""")
    s.maybe(0.4, "[And {nb} got the biggest piece.|{h} did not forget {nb}, who got a piece, too.]")
    s.chance(0.6) and s.moral("a gift made with love is the best gift", "a mistake can turn into something nice",
                             "friends help each other", "it does not have to be perfect to be good") or s.goodnight()


def broken(s):
    thing = s.pick("thing", ["vase", "blue cup", "tea pot", "picture frame", "clock", "window", "lamp", "flower pot", "plate",
                             "glass bowl", "mirror", "big jar"])
    s.opening()
    s.para()
    s.day()
    s("""{h} was [playing ball inside|running through the house|jumping like a frog|dancing around the room|spinning around and around]. {his} {gw} had said, "Please [be careful|don't do that inside]." But {h} [forgot|did not listen].
      [Crash!|Bang!|Oops!] [The {thing} fell down and broke|{he} bumped into the {thing}, and it broke] [into many pieces|in two|into a hundred pieces].""")
    s("""[{h} stood very still.|{h}'s heart beat fast.|{h} turned pale.] [{he} looked around. Nobody had seen it.|The house was quiet. {g} was outside.]""")
    hide = s.rng.randrange(3)
    s(["{he} quickly pushed the pieces under the [rug|sofa|table] and [ran to {his} room|went outside, as if nothing had happened].",
       "{he} hid behind the [curtain|door] and did not know what to do.",
       "\"[Maybe I can say that the wind did it|I can say it was the cat|I will not tell anybody],\" {he} thought."][hide])
    s.para()
    s("""[All day long,|The whole afternoon,|At supper,] {h} [felt bad|could not eat|was very quiet]. [There was a heavy stone in {his} belly.|{his} tummy hurt.|{he} did not want to play, and {he} did not want to sing.]
      [When {g} asked, "Are you all right?" {h} only nodded.|{g} looked at {him} and asked, "Is something wrong?" {h} looked at the floor.|"You are so quiet today," said {g}.]""")
    s("""[At last, {h} took a deep breath.|Then {h} could not keep it inside any longer.|{h} began to cry.] "I [broke|have broken] the {thing}," {he} said. "[I am so sorry.|I was afraid that you would be angry.|It was me, and I hid it.]" """)
    s.para()
    s("""{his} {gw} was quiet for a moment. Then {ghe} [took {him} in {ghis} arms|gave {him} a hug|sat down beside {him}]. "[Thank you for telling me the truth|I am a little sad about the {thing}, but I am glad that you told me|That was brave of you]," {ghe} said. "[Things can break. That happens.|A {thing} can be mended. Trust is harder to mend.|You are worth more than any {thing}.]" """)
    s("""[They swept up the pieces together.|Together they found all the pieces and glued them.|Together they picked up the pieces with great care.] [The next day, {h} took {his} savings and bought a small new one.|It took a long time. The {thing} had lines like a map now, and {h} liked it even more.|Then {h} painted a picture of the {thing} and gave it to {g} as a present.|]""")
    s("""[The stone in {his} belly was gone.|{h} felt as light as a feather.|{h} felt much better.]""")
    s.moral("telling the truth makes the heart light", "it is brave to tell the truth", "it is better to tell the truth at once",
            "everyone makes mistakes, and you can say sorry")


def night_noise(s):
    s.opening()
    s.maybe(0.7, "[But {h} was afraid of the dark.|There was only one thing that {h} did not like: the dark.|But at night, {h} always wanted a little light.]")
    s.para()
    cause = s.rng.randrange(6)
    s.d["noise"] = ["Tap, tap, tap", "Scratch, scratch", "Whoo, whoo", "Bump, bump", "Squeak, squeak", "Rustle, rustle"][cause]
    s("""One [dark|stormy|windy|quiet] night, {h} lay in bed. [The moon was hidden behind the clouds.|Everyone was asleep.|It was very dark.] [Then {he} heard a noise.|Suddenly, there was a sound.] {noise}! [What was that?|]
      [{h} pulled the blanket over {his} head.|{h} held {his} breath.|{h}'s heart went thump, thump.] "[Is it a monster?|Who is there?|Maybe it is a ghost,]" {he} [whispered|thought]. {noise}! There it was again.""")
    s.para()
    alone = s.chance(0.5)
    if alone:
        s("""{h} wanted to [call {his} {gw}|hide under the bed]. But then {he} thought, "[I want to know what it is.|I can be brave.|A noise can't hurt me.]" {he} took a [small lamp|lantern|candle lamp] and [tiptoed|walked slowly] to the [window|door].""")
    else:
        s("""{h} ran to {his} {gw}. "There is a monster!" {he} said. {g} did not laugh. "[Let us go and see together|Shall we look? I will hold your hand|Monsters are often very small when you look at them]," {ghe} said. They took a [lamp|lantern] and went to the [window|door].""")
    s("""[Slowly, very slowly, {h} opened it.|{h} counted to three and opened it.|{his} hand was shaking, but {he} opened it.]""")
    s(["""It was only a branch! The wind was moving it, and it was knocking on the [window|wall]. [{h} laughed.|"Good evening, branch," said {h}.]""",
       """There sat a small, wet kitten! It was cold and wanted to come in. [{h} dried it with a towel and gave it some warm milk.|"You were more afraid than I was," said {h}, and {he} took it in {his} arms.]""",
       """On the fence sat a round little owl. It looked at {h} with big yellow eyes and sang its night song. [{h} listened until the song was over.|"You have a lovely voice," said {h}.]""",
       """It was a hedgehog that was trying to get an apple down the steps. Bump, bump! [{h} carried the apple down for it.|{h} laughed and helped it.] """,
       """It was a tiny mouse who was looking for crumbs. The mouse was so frightened that it dropped its bread. ["Don't be afraid," said {h}, and {he} gave it a bit of cheese.|{h} put down a nut and stepped back quietly.]""",
       """It was only an old newspaper that danced in the wind. [{h} giggled.|"What a silly monster," {h} laughed.] {he} caught it and made a paper hat."""][cause])
    s.para()
    s("""[{h} went back to bed.|Then {h} climbed back into bed.|Soon {h} was back under the warm blanket.] [The dark did not look so dark any more.|The night was soft and quiet.|Now the night felt like a big blue blanket.]
      ["Good night, dark," {he} whispered, and {he} [closed {his} eyes|fell asleep].|{he} listened to the wind and fell asleep with a smile.|And {he} slept until the sun came up.]""")
    s.maybe(0.75, "[From that day on, {h} was not afraid of noises any more. {he} always went to look.|In the morning, {h} told everyone about it, and everyone said that {he} was brave.|{h} had learned that most scary things are small when you turn on the light.|And when there was a noise at night, {h} only smiled.]")


def sick_friend(s):
    s.opening(mention_friend=True)
    s.para()
    s.day()
    s("""{h} went to [meet|see] {f}, but {f} [did not come out|was not there]. [{h} knocked at the door. "Come in," said a weak voice.|{h} looked through the window.] {f} was in bed. {fhe} had [a red nose and a bad cold|a fever|a sore throat|spots all over {fhis} face].
      "[I can't play today|I feel so hot and tired|Everything hurts]," [whispered|said] {f}.""")
    s("""{h} felt sorry for {f}. "[What can I do?|How can I help?|I will make you feel better,]" {he} [thought|said].""")
    s.para()
    soup = s.rng.choice(["vegetable soup", "carrot soup", "tomato soup", "mushroom soup", "noodle soup", "pumpkin soup"])
    s.d["soup"] = soup
    acts = ["First, {h} [cooked|made] a pot of warm {soup} with {his} {gw}. {he} carried it very slowly so that it would not spill.",
            "{h} picked [the most beautiful flowers|a bunch of daisies|some yellow flowers] and put them next to the bed.",
            "{h} read a [funny|long] story and made a different voice for every animal in it.",
            "{h} [drew|painted] a picture of the two of them [at {place}|under a big rainbow] and hung it over the bed.",
            "{h} brought a warm blanket and a cup of tea with honey.",
            "{h} sang a quiet song, and {f} hummed along.",
            "{h} made a puppet out of an old sock. The sock told jokes, and {f} had to laugh."]
    for a in s.rng.sample(acts, s.rng.choice([2, 3, 3])):
        s(a)
    s("""[{f} smiled a little.|"That is so nice," said {f}.|{f} ate and felt warm inside.] [Then {fhe} fell asleep, and {h} went out on tiptoe.|{h} stayed until {fhe} fell asleep.]""")
    s.para()
    s("""[Every day, {h} came back.|{h} came the next day, and the day after.] [After three days,|Soon,|One morning,] there was a knock at {h}'s door. It was {f}! {fhe} was [well again|all better]. "[Thank you for taking care of me|You are the best medicine|Your {soup} made me strong]," said {f}.""")
    s("""[They ran to {place} and played all day.|They went outside to play in the sun.|They [laughed|cheered] and ran out to play.]""")
    s.maybe(0.35, "[A week later, {h} had a cold, too. And who came with a pot of {soup}? It was {f}!|And when {h} was sick one day, {f} came with {soup} and a story.]")
    s.moral("a little care can make someone feel better", "a good friend is there on bad days, too",
            "kindness is the best medicine", "being there for a friend is a great gift")


def messy_room(s):
    s.pick("toy", w.SMALL_TOYS)
    s.opening("had a [room|corner] full of toys[, but {he} never put them away|. But {he} did not like to tidy up]")
    s.para()
    s("""[There were blocks on the floor, socks on the lamp, and [books|crumbs] in the bed.|The floor was so full that one could hardly walk.|There was a heap here and a heap there.] "Please tidy up," said {his} {gw}[ every evening|]. "[Later|Tomorrow|In a minute]," said {h}. But later never came.""")
    s.day()
    s("""{f} [came to play|wanted to play] with {h}. "Let us play with your {toy}!" said {f}. {h} looked for the {toy}. [It was not in the heap. It was not under the socks.|{he} dug like a mole.|{he} threw things left and right.]
      [Then {he} stepped on a block. "Ouch!"|Then a tower of boxes fell down. Bump!|Then {he} slipped on a marble and landed on {his} bottom.] [The {toy} was nowhere.|They could not find the {toy}.]""")
    s("""[{f} waited and waited.|{f} yawned.] ["There is no room to play here," {fhe} said.|"Maybe we can play another day," said {f}.] [{h} felt ashamed.|{h} became red.]""")
    s.para()
    s("""Then {h} had an idea. "[Let us make a game of it!|We can tidy up like a train!|Who can find the most {colour} things?]" {he} said. [{f} laughed and began to help.|{f} liked that.] [They put the blocks in the box, the books on the shelf, and the socks in the basket.|They sang a song, and with every line, one thing went to its place.|{h} was the train, and every toy was brought home to its station.]
      [Piece by piece, the floor came back.|Soon they could see the floor again.] And there, under [the very last sock|an old blanket|the last book], was the {toy}!""")
    s.para()
    s("""[Now there was plenty of room.|They had so much space now!] They played with the {toy} until [supper|it was dark]. When {g} looked in, {ghe} [could not believe {ghis} eyes|clapped {ghis} hands]. "[What a lovely room!|Is this the same room?]" {ghe} said. [{h} was proud.|{h} grinned.]""")
    s.moral("when things have a place, you can find them", "tidying up can be a game", "work is easier with a song and a friend")


def new_friend(s):
    s.opening()
    s.para()
    s.met = True
    who = "girl" if s.friend.he == "she" else "boy"
    if s.hero.kind == "child":
        s.d["new"] = "a new " + who + " came to [the school|{h}'s school|the street where {h} lived]. {fhis} name was {f}"
    elif s.friend.name:
        s.d["new"] = "a young {fnoun} named {f} moved into [an empty house|a hollow tree|a place] near {h}'s home"
    else:
        s.d["new"] = "a young {fnoun} came to live near {h}'s home"
    s.day()
    s("""{new}. {f} was very shy. [{fhe} stood alone and looked at the ground.|{fhe} did not say a word.|{fhe} hid behind a tree when the others came.]
      [The others were busy with their games.|"{fhe} never talks," the others said. "{fhe} does not like us."|Nobody asked {fhim} to play.] But {h} [saw that {f} looked lonely|remembered how it feels to be alone|thought, "Maybe {fhe} is only afraid"].""")
    s.para()
    s("""{h} [went over and said, "Hello, I am {hn}. Do you want to [play with us|sit with me|see something nice]?"|sat down next to {f} and gave {fhim} half of {his} [apple|sandwich|bun].]""".replace("{hn}", s.hero.name or "your neighbour"))
    s("""[{f} only shook {fhis} head.|{f} looked away.|{f} said nothing.] [{h} did not give up.|{h} was patient.] [The next day, {he} came again and brought {thing}.|The next day, {he} [smiled and waved|came again].]""".replace("{thing}", "[a picture|a flower|a smooth stone]"))
    hob = s.rng.choice([("a drawing of a bird", "drawing", "drew a huge picture with chalk"), ("a small flute", "music", "played songs together"),
                        ("a box of shells", "shells", "looked for shells together"), ("a book about stars", "the stars", "looked at the stars together"),
                        ("a paper plane", "flying things", "built the best paper plane ever"), ("a ball", "playing ball", "played ball until it was dark"),
                        ("a tiny garden in a pot", "plants", "planted a row of sunflowers"), ("a funny puppet", "puppets", "made a puppet show for everyone")])
    s.d.update(item=hob[0], topic=hob[1], act=hob[2])
    s("""[Then {h} saw that {f} had {item}.|One afternoon, {f} dropped something. It was {item}.] "[Oh, do you like {topic}? I like that, too!|You like {topic}? So do I!]" said {h}.
      {f} looked up. [A small smile came to {fhis} face.|{fhis} eyes began to shine.] "[Yes, very much|I love it]," {fhe} said softly. [And then {fhe} talked and talked.|It was the first thing {fhe} had said.]""")
    s.para()
    s("""[That afternoon,|From then on,] they {act}. [The others came to look, and soon everyone was there.|Soon the others wanted to join, and {f} was not shy any more.] "[I was so afraid that nobody would like me|At my old home I had many friends. I missed them|I did not know how to begin]," said {f}. "[I am glad that you asked me.|Now I have a friend here.|Thank you for waiting.]" """)
    s.moral("a friendly word can open a door", "a shy person may be a wonderful friend", "it is good to be kind to someone new",
            "sometimes a friend needs a little time")


def surprise(s):
    s.opening(mention_friend=True)
    s.para()
    s.day()
    s("""[something was strange|{h} noticed something strange]. {f} was whispering with [the others|{his} {gw}|the neighbours]. When {h} came near, they [stopped talking|became quiet] and [hid something|looked away]. "[What are you talking about?|Is that a secret?]" asked {h}.
      "[Oh, nothing|Nothing at all]," said {f}, and {fhe} [ran away|hurried off].""")
    s("""[The next day,|In the afternoon,] {h} asked {f} to play. "[I can't. I am busy|Not today|I have something to do]," said {f}. [{h} saw {fhim} carry a big [bag|box|basket] into the [barn|shed|old house].|From far away, {h} heard the others laugh.]
      {h} felt [hurt|lonely|sad and angry]. "[They don't like me any more|Nobody wants to play with me|I have no friends any more]," {he} thought[, and a tear fell on {his} [foot|nose]|].""")
    s.para()
    s("""{h} [sat all alone near {place}|went to {place} alone]. [{he} threw stones into the water.|{he} kicked a stone.|{he} drew sad faces in the sand.] When {f} came and called, {h} [did not answer|turned away]. "Go away," {he} said. "[You have your secrets.|You don't need me.]"
      {f} [was shocked|looked sad]. "[Oh, please come with me|Please come. Then you will understand|Just come, please]," {fhe} said.""")
    s("""[Slowly, {h} stood up and followed.|{h} did not want to, but {he} went along.] {f} opened the door of the [barn|shed|old house]. "[Surprise!|Happy birthday!]" everyone shouted. There were [{colour} and {colour2} balloons|lanterns and flowers|paper stars] everywhere, and in the middle stood {cake}[ with {his} name on it|]. """.replace("{cake}", s.rng.choice(w.CAKES)))
    s("""[{h} had forgotten {his} own birthday!|It was a party for {him}!] "[We wanted to surprise you|That was our secret]," said {f}. "[I am sorry that it made you sad.|I never wanted to hurt you.]" """)
    s.para()
    s("""[{h} blushed.|{h} did not know if {he} should laugh or cry.|{h} hugged {f} tight.] "[I am sorry, too. I thought you did not like me|I should have asked you|I thought bad things about you, and I was wrong]," {he} said. Then they [ate cake and danced|sang, played and ate cake] until [the moon came up|the stars were out].""")
    s.moral("it is better to ask than to think bad things", "things are not always what they seem", "good friends can make up again",
            "you should trust your friends")


def found(s):
    thing = s.pick("thing", ["ring", "silver key", "purse", "golden watch", "bag of coins", "blue necklace", "pocket knife", "pair of glasses", "brooch", "letter"])
    s.set(where=s.rng.choice(w.OUTDOOR))
    s.opening()
    s.para()
    s.day()
    s("""{h} [saw something on the ground|found something] {where}. It was @a {thing}! [It sparkled in the sun.|{he} picked it up and wiped off the dust.|{he} looked to the left and to the right, but there was nobody.]
      "[How lovely!|What a find!|Finders keepers!]" {he} [said|thought]. [{he} put it into {his} pocket.|{he} wanted to keep it.] But [on the way home, the pocket felt heavier and heavier|a small voice inside said, "Somebody is missing it"|then {he} thought, "Maybe somebody is sad now"].""")
    s.para()
    s("""So {h} [went from door to door|began to ask around]. "[Is this yours?|Did you lose @a {thing}?]" {he} asked the [miller|baker|postman]. "[No, not mine|I wish it were]," was the answer. {he} asked the [teacher|shoemaker|gardener], but it was not [his|hers] either. """.replace("[his|hers]", "the right one"))
    s.d["o"], p = s.rng.choice([("an old sailor", "he"), ("an old woman", "she"), ("a young mother", "she"), ("an old man with a cane", "he"), ("a travelling singer", "she")])
    s.d["os"] = {"an old sailor": "the sailor", "an old woman": "the old woman", "a young mother": "the mother", "an old man with a cane": "the old man", "a travelling singer": "the singer"}[s.d["o"]]
    q = PRONOUNS[p]
    s.d.update(ohe=q[0], ohim=q[1], ohis=q[2])
    s("""[Then, by the well,|At last, in front of the last house,] {he} saw {o}, who was [looking for something|crawling on the ground|close to tears]. "[What are you looking for?|What have you lost?]" asked {h}. "My {thing}. It [belonged to my mother|is the only thing that I have from my brother|was a present from my best friend]," said {os}.
      {h} held out {his} hand. "[Is this it?|Here it is!]" [{os} began to cry for joy.|The face of {os} lit up like the morning.]""")
    s.para()
    s("""{os} [gave {him} a hug|took both {his} hands]. "[What can I give you?|How can I thank you?]" "[Nothing. I am happy that you are happy|You don't have to give me anything]," said {h}. [But {os} told {him} the most exciting story that {he} had ever heard.|But the next day, there was a jar of jam in front of {his} door.|Then {ohe} sang a song just for {him}.|And from that day on, {he} had a new friend.] [{his} pocket was empty, but {his} heart was full.|On the way home, {h} felt as light as a bird.]""")
    s.chance(0.6) and s.moral("honesty makes you light inside", "it feels good to give back what is not yours", "the joy of others is the best reward") or s.goodnight()


def sleepless(s):
    s.opening()
    s.para()
    s("""[One night,|One warm summer night,|That night,] {h} could not sleep. [{he} turned to the left. {he} turned to the right.|{he} lay on {his} back, and {he} lay on {his} belly.] [The moon was too bright, and the clock was too loud.|The pillow was too warm.|{his} feet were wide awake.] "[I can't sleep|Sleep does not come]," {he} [said|whispered] to {his} {gw}.""")
    tries = s.rng.sample(["\"Count sheep,\" said {g}. {h} counted one, two, three sheep. But the fourth sheep did not want to jump, and {he} had to laugh.",
                          "\"Drink some warm milk,\" said {g}. {h} drank it. It was good, but now {he} was even more awake.",
                          "\"Think of something soft,\" said {g}. {h} thought of clouds, and then of flying, and then {he} wanted to fly.",
                          "\"Listen to the wind,\" said {g}. {h} listened. The wind told so many stories that {he} wanted to hear them all.",
                          "\"Close your eyes,\" said {g}. {h} closed them. But they popped open again, like two little windows.",
                          "\"Hum a song,\" said {g}. {h} hummed, and soon {he} was singing and dancing on the bed."], s.rng.choice([2, 3]))
    for t in tries:
        s(t)
    s.para()
    s("""[Then {g} took {him} by the hand, and they went outside.|"Come," said {g}, and they went to the door.] [The night smelled of grass.|The whole world was silver and still.] "[Look, everything is going to sleep|Let us say good night to everything]," {ghe} whispered. "Good night, [trees|hill|pond]," said {h}. "Good night, [flowers|birds|owl]. Good night, [stones|stars|road]." [One star winked.|The leaves rustled softly.|A frog answered from the pond.]
      [With every good night, {his} eyes became smaller.|{h} yawned. Then {he} yawned again.] "Good night, moon," {he} [murmured|said very softly].""")
    s.para()
    s("""{g} carried {him} [back to bed|inside] and tucked {him} in. "[Good night, {hn}|Sleep well, my little one]," {ghe} said. But {h} did not hear it any more. [{he} was fast asleep.|{he} was already in the land of dreams.|{he} slept and smiled until the sun came up.]""".replace("{hn}", s.hero.name or "my dear"))


def gifts(s):
    s.opening(mention_friend=True)
    s.para()
    g = s.rng.choice([("a scarf", "knitted", "wool"), ("a little boat", "carved", "wood"), ("a picture", "painted", "paint"), ("a chain of shells", "made", "string"), ("a lantern", "built", "paper"), ("a book of drawings", "drew", "paper"), ("a soft pillow", "sewed", "cloth")])
    s.d.update(gift=g[0], made=g[1], stuff=g[2])
    s.d["gs"] = "the " + g[0].split(" ", 1)[1]
    s("""[Soon it would be {f}'s birthday.|The winter feast was near, and everybody gave presents.] {h} had no money[ at all|]. "[What can I give?|How can I get a present?|Everyone will have better presents than I!]" {he} thought. [{he} was sad for a whole day.|{he} looked into the shop windows and sighed.]""")
    s("""[Then {his} {gw} said, "The best presents are made with time."|"What does {f} love?" asked {g}. "Think of that."] {h} thought. Then {he} [clapped {his} hands|jumped up]. {he} would make {gift}! {he} found some {stuff} and began. [Every evening, {he} worked by the light of a small lamp.|{he} worked before breakfast and after supper.] [The first try went wrong, and {he} had to start again.|It was not easy, and {he} hurt {his} finger, but {he} went on.|Sometimes {he} wanted to give up, but then {he} thought of {f}.]""")
    s.para()
    s("""The day came. [There were big boxes with ribbons.|The others brought big, shiny things.] {h} held {gs} behind {his} back. [It looked so small now.|{he} almost ran away.] "[It is only a little thing|I made it for you]," {he} said quietly. {f} looked at {gs} for a long time. [Then {fhis} eyes became wet.|Then {fhe} smiled, and it was like the sun.] "[You {made} this yourself!|Nobody ever made something just for me!|It is the most beautiful present of all!]" {fhe} said.""")
    s("""[{f} put the other presents away and looked only at {gs}.|From that day on, {f} had {gs} near {fhim} every day.] [Many years later, it was still there.|And {h} was the happiest of all.]""")
    s.moral("a present made with love is worth more than gold", "the best presents are made with time", "a small thing can be a great gift")
