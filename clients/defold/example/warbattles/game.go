components {
  id: "script"
  component: "/example/warbattles/game.script"
}
embedded_components {
  id: "soldier"
  type: "factory"
  data: "prototype: \"/example/warbattles/soldier.go\"\n"
  ""
}
embedded_components {
  id: "tank"
  type: "factory"
  data: "prototype: \"/example/warbattles/tank.go\"\n"
  ""
}
embedded_components {
  id: "rocket"
  type: "factory"
  data: "prototype: \"/example/warbattles/rocket.go\"\n"
  ""
}
embedded_components {
  id: "shell"
  type: "factory"
  data: "prototype: \"/example/warbattles/shell.go\"\n"
  ""
}
embedded_components {
  id: "effect"
  type: "factory"
  data: "prototype: \"/example/warbattles/effect.go\"\n"
  ""
}
embedded_components {
  id: "scenery"
  type: "factory"
  data: "prototype: \"/example/warbattles/scenery.go\"\n"
  ""
}
