"""All plots, the themes under which a chat may ask for them, and tell(), which makes one story."""
import random

import plots_home as home
import plots_out as out
import plots_tale as tale
from story import Story

PLOTS = {f.__name__: f for f in [
    home.lost_toy, home.rainy_day, home.sharing, home.baking, home.broken, home.night_noise, home.sick_friend,
    home.messy_room, home.new_friend, home.surprise, out.garden, out.hurt_animal, out.lost, out.race, out.bridge,
    out.kite, out.snowman, out.neighbour, out.treasure, out.learn, out.picnic, tale.wish, tale.small_hero,
    tale.market, tale.stage, tale.moon, tale.pumpkin, tale.voyage, tale.magic,
    home.found, home.sleepless, home.gifts, tale.band]}

# (plot, how a user may ask for it)
THEMES = [("rainy_day", "[rain|a rainy day]"), ("sharing", "sharing"), ("baking", "[baking|a cake|a birthday cake]"),
          ("broken", "[telling the truth|honesty|a broken vase]"), ("night_noise", "[the dark|being brave|a noise in the night|the night]"),
          ("sick_friend", "[a sick friend|kindness|helping a friend]"), ("messy_room", "[a messy room|tidying up]"),
          ("new_friend", "[a new friend|a shy friend|friendship|being new]"), ("surprise", "[a surprise|a birthday|a secret]"),
          ("garden", "[a garden|a seed|a flower|patience]"), ("hurt_animal", "[a hurt animal|helping an animal]"),
          ("lost", "[getting lost|the forest|the woods]"), ("race", "[a race|winning]"), ("bridge", "[a bridge|working together]"),
          ("kite", "[the wind|a tree]"), ("snowman", "[a snowman|winter|snow|Christmas]"), ("neighbour", "[a grumpy neighbour|saying sorry]"),
          ("treasure", "[a treasure|a treasure map|an adventure]"), ("learn", "[learning something|never giving up]"),
          ("picnic", "[a picnic|ants]"), ("wish", "[a wish|a star|dreams]"), ("market", "[a market|money|giving]"),
          ("stage", "[courage|a show|being shy]"), ("moon", "the moon"), ("pumpkin", "[a big vegetable|a big pumpkin|autumn]"),
          ("voyage", "[a boat|a river|the sea|a journey]"), ("magic", "magic"),
          ("found", "honesty"), ("sleepless", "[bedtime|sleep|a long night]"), ("gifts", "[a present|a gift]"), ("band", "[music|a band|a song]")]
# (plot, what the hero of a requested story did)
WHO_DID = [("lost_toy", "lost {his} {toy}"), ("lost_toy", "lost @a {toy}"), ("lost_toy", "can't find {his} {toy}"),
           ("rainy_day", "did not like rain"), ("sharing", "did not want to share"), ("sharing", "learned to share {his} {toy}"),
           ("baking", "baked a cake"), ("baking", "loved to bake"), ("broken", "broke something"), ("broken", "told the truth"),
           ("night_noise", "was afraid of the dark"), ("night_noise", "heard a noise at night"), ("sick_friend", "had a sick friend"),
           ("messy_room", "did not like to tidy up"), ("new_friend", "found a new friend"), ("surprise", "got a surprise"),
           ("garden", "planted a seed"), ("garden", "had a garden"), ("hurt_animal", "helped a hurt animal"),
           ("lost", "got lost"), ("lost", "got lost in the forest"), ("race", "wanted to win a race"), ("race", "ran a race"),
           ("bridge", "built a bridge"), ("kite", "had @a {toy}"), ("kite", "lost {his} {toy} in a tree"), ("snowman", "built a snowman"),
           ("neighbour", "had a grumpy neighbour"), ("treasure", "found a treasure map"), ("treasure", "looked for a treasure"),
           ("learn", "wanted to learn something"), ("learn", "never gave up"), ("picnic", "had a picnic"), ("wish", "had a wish"),
           ("market", "went to the market"), ("stage", "was too shy to sing"), ("stage", "was shy"), ("moon", "loved the moon"),
           ("pumpkin", "grew a giant vegetable"), ("voyage", "went on a journey"), ("voyage", "built a boat"), ("magic", "found something magic"),
           ("found", "found something"), ("sleepless", "could not sleep"), ("gifts", "made a present"), ("band", "made music")]
# What a character of this kind is likely to live through: gives stories a reason, and greedy text variety.
BY_TRAIT = dict(kind=("hurt_animal", "market", "found"), curious=("lost", "voyage", "treasure"), cheerful=("rainy_day", "picnic", "band"),
                shy=("stage", "new_friend", "surprise"), brave=("night_noise", "bridge", "neighbour"), clever=("treasure", "bridge", "kite"),
                gentle=("hurt_animal", "sick_friend", "moon"), quiet=("moon", "stage", "garden"), playful=("kite", "messy_room", "snowman"),
                helpful=("pumpkin", "sick_friend", "magic"), patient=("garden", "learn", "gifts"), busy=("baking", "pumpkin", "messy_room"),
                friendly=("new_friend", "picnic", "surprise"), lively=("broken", "race", "learn"), thoughtful=("gifts", "found", "wish"),
                dreamy=("wish", "moon", "sleepless"))
TINY = ["train", "boat", "star", "robot", "cloud", "tractor", "bus", "lantern", "plane"]


def choose(rng, hero, free):
    """A plot that suits the hero; free: the hero may also be replaced by a small thing."""
    names = [p for p in PLOTS if free or p != "small_hero"]
    key = hero.name if hero.kind == "child" else hero.noun
    liked = random.Random("likes " + key).sample(names, 4)
    suits = BY_TRAIT.get(hero.adjective, ())
    return rng.choices(names, [1 + 4 * (p in liked) + 6 * (p in suits) for p in names])[0]


def tell(rng, plot=None, hero=None, friend=None, short=False, **fixed):
    """One story; returns (text, Story). Now and then two adventures of the same hero follow each other."""
    s = Story(rng, hero=hero, friend=friend, **fixed)
    name = plot or choose(rng, s.hero, hero is None)
    PLOTS[name](s)
    if not short and name != "small_hero" and rng.random() < 0.12:
        s.para()
        s.sequel, s.met = True, True
        PLOTS[rng.choice([p for p in PLOTS if p not in (name, "small_hero", "new_friend")])](s)
    return s.text(), s
