"""Word lists of the demo corpus: names, animals, people, things, places. All our own."""

GIRLS = """Lily Mia Anna Sara Ella Nora Ruby Rosa Ivy Emma Lucy Maya Zoe Clara Daisy Hana Lena Tess Amy
Molly Grace Alice Nina Eva Poppy Ada Lola Isla Freya Mina June Tilly Kira Leila Aisha Yuki Priya Elsa Greta
Willa Cora Faye Olive Hazel Penny Sofia Maria Bella Sue Jane Kate""".split()
BOYS = """Tom Ben Max Sam Leo Tim Finn Jack Noah Luca Omar Eli Hugo Theo Oscar Milo Adam Joe Dan Otto Nils
Kai Ravi Arlo Felix Henry Jonas Peter Paul Toby Will Emil Owen Ned Rory Alex Carl Dylan Ezra George Ian
Jamie Kenji Liam Mateo Oliver Simon Teddy Victor Zack Bob""".split()
# Names for animals; each may be he or she.
PETS = """Pip Bramble Nutty Clover Hazelnut Mossy Pebble Dot Biscuit Pepper Button Fern Sunny Rusty Whisper
Bluebell Tumble Acorn Misty Ginger Flick Barley Plum Tansy Snowy Bobbin Maple Bean Honey Puddle Spot
Fluff Dusty Rolo Tiko Mimi Lulu Coco Momo Kiki Bubbles Scout Juniper Thistle Willow Cricket Berry Patch
Twig Olly Nibbles Hopper Skip Jolly Sparky Muffin Pumpkin Toffee""".split()
# Words that make good names, so that the model learns that any word can be one.
WORD_NAMES = """Ember Shadow Star River Sky Storm Breeze Echo Comet Frost Ash Stone Rain Luna Nova Velvet Crystal
Copper Silver Amber Jade Pearl Coral Sandy Forest Meadow Blossom Petal Cloud Thunder Flame Spark Flicker
Cinnamon Cocoa Peach Cherry Lemon Mango Olive Pickle Waffle Noodle Crumb Sugar Midnight Dawn Twilight
Feather Shell Drift Bounce Wiggle Giggle Zoom Dash Swift Marble Domino Zigzag Bingo Tango Rocky Buddy
Lucky Happy Fuzzy Fluffy Stripe Socks Mittens Whiskers Paws Snowball Cupcake Jasper Onyx Indigo Scarlet""".split()
MORE_NAMES = """Ann Annie Amelia Charlotte Chloe Diana Erin Fiona Gina Helen Irene Julia Karen Laura Linda Lisa
Margo Megan Naomi Nelly Paula Rachel Rita Sally Sasha Susan Tara Vera Wendy Xenia Yara Zelda Abby Beth Carla
Daphne Edith Flora Gwen Heidi Ines Joan Katie Lydia Mabel Nadia Olga Pippa Rhea Stella Thea Ursula Violet""".split()
MORE_NAMES_HE = """Aaron Andy Archie Arthur Barry Billy Bruno Caleb Chris Colin Conor Daniel David Dennis Eddie
Edgar Elliot Eric Evan Frank Fred Gabe Gary Gus Harry Hank Isaac Ivan Jacob Jason Jeff Jerry John Josh Ken Kevin
Lars Lewis Louis Luke Mark Martin Matt Mike Nathan Neil Nick Niko Oleg Owain Pablo Pat Quinn Ralph Ray Rex Rob
Robin Ron Roy Russ Ryan Scott Sean Seth Stan Steve Ted Tony Vince Walter Xander Xavier Yusuf Zane""".split()
ONSET = "A B Be Br C Ch Cl D Dr E F Fl Fr G Gl Gr H I J K Kl Kr L M N O P Pl Pr Qu R S Sh Sk St T Th Tr U V W Y Z X".split()
VOWEL = "a a a e e e i i i o o o u u ai ee ia y".split()
MIDDLE = "b d f g k l m n p r s t v z nd rl mb ll nn tt ss rt ck nk rd sh th lv".split()
CODA = ["", "", "", "a", "o", "n", "s", "l", "x", "r", "m", "er", "y", "us", "el", "is", "in"]

# species: (home, favourite food, young word). They walk, talk and live in the woods and fields.
ANIMALS = {
    "fox": ("a cosy den under an old oak tree", "blackberries", "cub"),
    "rabbit": ("a warm burrow at the edge of the meadow", "carrots", "bunny"),
    "bear": ("a snug cave in the hills", "honey", "cub"),
    "mouse": ("a tiny house behind the barn", "cheese", "pup"),
    "hedgehog": ("a pile of soft leaves under the hedge", "apples", "hoglet"),
    "squirrel": ("a round nest high in a pine tree", "nuts", "kit"),
    "duck": ("the reeds beside a quiet pond", "water plants", "duckling"),
    "owl": ("a hollow in a tall tree", "warm seed cakes", "owlet"),
    "frog": ("a lily pond full of green leaves", "mushroom soup", "froglet"),
    "turtle": ("a sandy bank by the river", "lettuce", "hatchling"),
    "cat": ("a little house with a red door", "fish", "kitten"),
    "dog": ("a wooden house on a farm", "bones", "puppy"),
    "puppy": ("a basket in the kitchen of a farmhouse", "biscuits", "pup"),
    "kitten": ("a soft basket by the stove", "milk", "kitten"),
    "bunny": ("a burrow under the roots of a big tree", "clover", "bunny"),
    "pig": ("a clean sty behind the farm", "turnips", "piglet"),
    "sheep": ("a green hill with a stone wall", "sweet grass", "lamb"),
    "lamb": ("a green field beside the farm", "sweet grass", "lamb"),
    "goat": ("a rocky hill above the village", "thistles", "kid"),
    "horse": ("a red stable at the end of the lane", "oats", "foal"),
    "pony": ("a small stable near the orchard", "apples", "foal"),
    "cow": ("a wide field full of daisies", "clover", "calf"),
    "hen": ("a henhouse with a straw roof", "corn", "chick"),
    "chick": ("a nest of straw in the barn", "corn", "chick"),
    "goose": ("a white hut by the lake", "barley", "gosling"),
    "swan": ("an island in the middle of the lake", "water plants", "cygnet"),
    "beaver": ("a lodge of sticks in the stream", "bark", "kit"),
    "otter": ("a den under the river bank", "fish", "pup"),
    "badger": ("a tidy home under the hill", "mushrooms", "cub"),
    "mole": ("a long tunnel under the garden", "roots", "pup"),
    "deer": ("a quiet clearing in the forest", "leaves", "fawn"),
    "wolf": ("a den among the rocks", "stew", "cub"),
    "raccoon": ("a hollow log by the creek", "pears", "kit"),
    "lion": ("a sunny rock on the wide plain", "pancakes", "cub"),
    "tiger": ("the shade of the jungle", "melons", "cub"),
    "elephant": ("the tall grass near a water hole", "bananas", "calf"),
    "monkey": ("the top of a mango tree", "mangoes", "baby"),
    "giraffe": ("the plain where the tall trees grow", "green leaves", "calf"),
    "zebra": ("the wide grassy plain", "sweet grass", "foal"),
    "hippo": ("a muddy bend of the river", "water lilies", "calf"),
    "koala": ("a gum tree on the hill", "gum leaves", "joey"),
    "kangaroo": ("the dry grassy hills", "grass cakes", "joey"),
    "panda": ("a green bamboo forest", "bamboo", "cub"),
    "penguin": ("a snowy beach by the icy sea", "fish", "chick"),
    "seal": ("a smooth rock by the cold sea", "fish", "pup"),
    "polar bear": ("a house of snow near the frozen sea", "fish soup", "cub"),
    "parrot": ("a palm tree by the beach", "seeds", "chick"),
    "sparrow": ("a nest under the roof of the old mill", "seeds", "chick"),
    "robin": ("a nest in the holly bush", "berries", "chick"),
    "bird": ("a nest in an apple tree", "seeds", "chick"),
    "crow": ("a nest in the top of an elm", "corn", "chick"),
    "snail": ("a mossy stone in the garden", "lettuce", "snail"),
    "ladybug": ("a green leaf in the garden", "tiny berries", "ladybug"),
    "bee": ("a golden hive in the orchard", "honey", "bee"),
    "butterfly": ("a bush full of purple flowers", "nectar", "caterpillar"),
    "caterpillar": ("a big leaf on the plum tree", "leaves", "caterpillar"),
    "ant": ("a sandy hill beside the path", "crumbs", "ant"),
    "crab": ("a rock pool on the beach", "seaweed", "crab"),
    "dragon": ("a warm cave on a mountain", "toasted bread", "hatchling"),
    "unicorn": ("a silver forest where it never rained", "star flowers", "foal"),
    "dinosaur": ("a valley of giant ferns", "ferns", "hatchling"),
    "camel": ("a tent camp in the desert", "dates", "calf"),
    "donkey": ("a shed behind the mill", "carrots", "foal"),
    "llama": ("a high mountain meadow", "hay", "baby"),
    "bat": ("a dark barn with a pointed roof", "plums", "pup"),
    "lizard": ("a warm stone wall", "berries", "hatchling"),
    "hamster": ("a nest of paper in the school room", "sunflower seeds", "pup"),
    "moose": ("a forest beside a deep lake", "willow leaves", "calf"),
}
# Animals that small children keep, find or meet; used as companions of children.
COMPANIONS = ["cat", "dog", "puppy", "kitten", "rabbit", "hamster", "pony", "parrot", "duck", "turtle"]
FOUND = ["bird", "kitten", "hedgehog", "rabbit", "duckling", "squirrel", "owl", "puppy", "robin", "mouse",
         "turtle", "lamb", "frog", "butterfly", "bee"]

# role: (pronoun or None, home). People of fairy tales.
ROLES = {
    "princess": ("she", "a castle with seven towers"), "prince": ("he", "a castle on a hill"),
    "knight": (None, "a stone tower near the forest"), "pirate": (None, "a little ship with patched sails"),
    "wizard": ("he", "a crooked house full of books"), "fairy": ("she", "a bluebell at the end of the garden"),
    "king": ("he", "a golden palace by the river"), "queen": ("she", "a palace with a rose garden"),
    "farmer": (None, "a farm at the foot of a hill"), "baker": (None, "a small shop that smelled of bread"),
    "sailor": (None, "a blue boat in the harbour"), "robot": (None, "a workshop at the end of the street"),
    "elf": (None, "a mushroom house in the wood"), "giant": (None, "a huge house above the valley"),
    "gnome": (None, "a small house under the roots of a beech"), "witch": ("she", "a cottage with a round door"),
    "mermaid": ("she", "a cave of shells near the beach"), "astronaut": (None, "a silver house near the rocket field"),
    "clown": (None, "a painted wagon of the circus"), "shepherd": (None, "a hut among the hills"),
    "teddy bear": (None, "a shelf in the playroom"), "doll": ("she", "a doll house in the attic"),
    "painter": (None, "an attic full of colours"), "fisherman": ("he", "a hut on the beach"),
}

COLOURS = "red blue green yellow orange purple pink white brown golden silver grey".split()
TOYS = ["ball", "kite", "doll", "drum", "toy boat", "toy train", "toy truck", "teddy bear", "toy robot",
        "spinning top", "whistle", "toy car", "scooter", "jump rope", "toy horse", "picture book", "paintbrush",
        "bucket", "puppet", "bell", "music box", "marble", "balloon", "flute", "toy duck", "hat", "scarf",
        "umbrella", "blanket", "lantern", "wagon", "stuffed rabbit", "toy plane", "toy dinosaur", "cap",
        "backpack", "necklace", "mitten", "bracelet", "stuffed elephant", "trumpet", "magnet", "toy crown"]
SMALL_TOYS = ["ball", "doll", "toy boat", "toy train", "toy truck", "teddy bear", "toy robot", "whistle", "toy car",
              "toy horse", "picture book", "paintbrush", "puppet", "bell", "music box", "marble", "flute", "toy duck",
              "hat", "scarf", "blanket", "stuffed rabbit", "toy plane", "toy dinosaur", "cap", "necklace", "mitten",
              "bracelet", "stuffed elephant", "magnet", "toy crown"]
SHARE_TOYS = ["ball", "kite", "drum", "toy train", "toy truck", "scooter", "wagon", "swing", "puzzle", "paint box",
              "toy plane", "toy boat", "jump rope", "bucket", "flute", "picture book", "tricycle", "trampoline",
              "toy dinosaur", "music box"]
MATERIAL = ["wooden", "shiny", "soft", "little", "old", "bright", "striped", "round", "tiny", "pretty", "new", "painted"]

TRAITS = ["kind", "curious", "cheerful", "shy", "brave", "clever", "gentle", "quiet", "playful", "helpful",
          "patient", "busy", "friendly", "lively", "thoughtful", "dreamy"]
HOBBIES = ["to sing", "to paint pictures", "to look at the stars", "to climb trees", "to collect smooth stones",
           "to splash in puddles", "to listen to stories", "to dance", "to build small houses out of sticks",
           "to count the clouds", "to pick flowers", "to make up songs", "to watch the birds", "to play hide and seek",
           "to ask questions", "to run in the wind", "to draw with chalk", "to help in the kitchen",
           "to chase butterflies", "to look for shells", "to jump over things", "to tell jokes", "to swing very high"]

CAKES = ["an apple pie", "a chocolate cake", "a carrot cake", "a berry tart", "a honey cake", "a plum pie",
         "a banana cake", "a lemon cake", "a cherry pie", "a pumpkin pie", "a strawberry cake", "a nut bread"]
INGREDIENTS = ["sugar", "flour", "butter", "milk", "honey", "cinnamon", "salt", "cream", "yeast", "oil", "cocoa"]
PLANTS = [("sunflower", "flower"), ("pumpkin", "vegetable"), ("tomato plant", "vegetable"), ("bean", "vegetable"),
          ("rose bush", "flower"), ("strawberry plant", "vegetable"), ("tulip", "flower"), ("carrot", "vegetable"),
          ("melon", "vegetable"), ("daisy", "flower"), ("apple tree", "tree"), ("cherry tree", "tree"),
          ("poppy", "flower"), ("radish", "vegetable"), ("lavender bush", "flower"), ("pea plant", "vegetable")]
WEATHER = ["sunny", "windy", "warm", "cloudy", "bright", "misty", "cool", "fresh", "mild"]
VILLAGE = ["a small village by the sea", "a quiet village in the hills", "a little town with crooked streets",
           "a white house near the forest", "a yellow house at the end of a long road", "a farm with a red barn",
           "a tall house in the middle of a big city", "a cottage beside a river", "a village full of gardens",
           "a small house on top of a hill", "a house with a green roof", "a town where everybody knew everybody",
           "a flat above a bakery", "a stone house near the mill", "a blue house beside the lake"]
OPENPLACE = ["the park", "the meadow", "the forest", "the beach", "the river", "the hill behind the house", "the pond",
             "the orchard", "the old mill", "the village green", "the lake", "the field", "the wood", "the garden"]
INDOOR = ["under the bed", "behind the sofa", "in the toy box", "under the kitchen table", "in the wash basket",
          "on top of the shelf", "behind the curtain", "inside the wardrobe", "under the pillow", "in the hall",
          "behind the door", "in the bath"]
OUTDOOR = ["under the apple tree", "behind the rose bush", "beside the pond", "near the gate", "in the tall grass",
           "under the bench", "behind the shed", "next to the well", "between the stones", "near the fence",
           "on the path", "by the bridge", "in the sandpit", "behind the hedge", "under the bushes"]
