components {
  id: "hud"
  component: "/example/warbattles/hud.gui"
}
