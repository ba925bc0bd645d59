components {
  id: "script"
  component: "/example/main.script"
}
components {
  id: "menu"
  component: "/example/menu.gui"
}
embedded_components {
  id: "warbattles"
  type: "collectionproxy"
  data: "collection: \"/example/warbattles/warbattles.collection\"\n"
  ""
}
embedded_components {
  id: "chat"
  type: "collectionproxy"
  data: "collection: \"/example/chat/chat.collection\"\n"
  ""
}
