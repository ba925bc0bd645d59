-- The field as everybody draws it; nothing on it stops anybody.

local step = require "shared.step"

local map = {
  width = step.WIDTH, height = step.HEIGHT,
  paths = require "shared.paths",
  -- x, y, radius
  ponds = { 265, 285, 60, 695, 440, 68, 480, 182, 22 },
  -- x, y
  trees = {
    25, 695, 200, 692, 232, 700, 430, 690, 590, 695, 805, 692, 935, 695, 930, 520, 938, 490, 932, 300, 935, 25, 720, 25,
    690, 32, 430, 25, 190, 22, 25, 25, 28, 270, 25, 300, 25, 520, 180, 620, 95, 400, 470, 440, 500, 418, 590, 480,
    745, 350, 325, 335, 190, 330, 340, 190, 180, 200, 640, 140, 870, 350, 862, 380, 850, 500, 100, 170, 590, 565,
    545, 250, 415, 465, 790, 620,
  },
  -- x, y
  bushes = {
    215, 195, 165, 250, 345, 300, 230, 362, 640, 345, 770, 480, 610, 410, 590, 220, 560, 85, 350, 81, 90, 320, 872, 200,
    440, 470, 530, 530, 400, 610, 300, 640, 690, 636, 180, 85, 520, 240, 460, 140, 780, 90, 430, 320, 880, 430,
  },
  -- x, y
  spawns = { 340, 20, 620, 20, 340, 700, 700, 700, 20, 360, 940, 400, 440, 280, 600, 450 },
}

-- The same for `room.state`, each list as one text "x y x y …": the engine looks at every value in `room.state` after
-- every tick, and a text is a single one.
function map.as_text()
  local text = { width = map.width, height = map.height, paths = {} }
  for i, points in ipairs(map.paths) do text.paths[i] = table.concat(points, " ") end
  for _, name in ipairs { "ponds", "trees", "bushes", "spawns" } do text[name] = table.concat(map[name], " ") end
  return text
end

return map
