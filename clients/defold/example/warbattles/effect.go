components {
  id: "script"
  component: "/example/warbattles/effect.script"
}
embedded_components {
  id: "sprite"
  type: "sprite"
  data: "default_animation: \"explosion\"\n"
  "material: \"/builtins/materials/sprite.material\"\n"
  "textures {\n"
  "  sampler: \"texture_sampler\"\n"
  "  texture: \"/example/warbattles/art/sprites.atlas\"\n"
  "}\n"
  ""
}
