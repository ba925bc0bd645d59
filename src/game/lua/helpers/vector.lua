-- airboat.vector: arithmetic with x and y. Numbers in, numbers out: no tables are made, so it may be used every tick.
-- Lengths are in the game's own units, angles in radians from the x axis, y up. Plain Lua 5.1: clients run it too.
--
--   local vector = require "airboat.vector"
--   tank.x, tank.y = vector.toward(tank.x, tank.y, goal.x, goal.y, 60 * room.dt)
--   room:spawn("rocket", { x = tank.x, y = tank.y, velocity = vector.polar(aim, 300) })

local vector = {}
local sqrt, cos, sin, atan2, floor, pi = math.sqrt, math.cos, math.sin, math.atan2, math.floor, math.pi

-- How long (x, y) is.
function vector.length(x, y) return sqrt(x * x + y * y) end

-- How far (x2, y2) is from (x1, y1).
function vector.distance(x1, y1, x2, y2)
  local dx, dy = x2 - x1, y2 - y1
  return sqrt(dx * dx + dy * dy)
end

-- The same direction, one unit long; (0, 0) stays. Returns x, y and the length it had.
function vector.unit(x, y)
  local length = sqrt(x * x + y * y)
  if length == 0 then return 0, 0, 0 end
  return x / length, y / length, length
end

-- At most `most` long: what a stick pushed into a corner needs.
function vector.limit(x, y, most)
  local length = sqrt(x * x + y * y)
  if length <= most then return x, y end
  return x / length * most, y / length * most
end

-- The direction of (x, y) in radians.
function vector.angle(x, y) return atan2(y, x) end

-- A new table { x, y } of this direction and length: what `velocity` takes.
function vector.polar(angle, length) return { x = cos(angle) * length, y = sin(angle) * length } end

-- (x, y) turned to the left by `angle`.
function vector.rotate(x, y, angle)
  local c, s = cos(angle), sin(angle)
  return x * c - y * s, x * s + y * c
end

function vector.dot(x1, y1, x2, y2) return x1 * x2 + y1 * y2 end

-- Positive when (x2, y2) lies to the left of (x1, y1).
function vector.cross(x1, y1, x2, y2) return x1 * y2 - y1 * x2 end

-- Between a (t = 0) and b (t = 1).
function vector.mix(a, b, t) return a + (b - a) * t end

-- From (x, y) to a goal, at most `step` far. Returns x, y and whether the goal is reached.
function vector.toward(x, y, goal_x, goal_y, step)
  local dx, dy = goal_x - x, goal_y - y
  local length = sqrt(dx * dx + dy * dy)
  if length <= step then return goal_x, goal_y, true end
  return x + dx / length * step, y + dy / length * step, false
end

-- The short way round from one angle to another, from -pi to pi.
function vector.turn(from, to)
  local difference = to - from
  return difference - 2 * pi * floor(difference / (2 * pi) + 0.5)
end

-- `from` turned toward `to` by at most `step` radians.
function vector.turn_toward(from, to, step)
  local turn = vector.turn(from, to)
  if turn > step then turn = step elseif turn < -step then turn = -step end
  return from + turn
end

-- A number kept between least and most.
function vector.clamp(value, least, most)
  if value < least then return least end
  if value > most then return most end
  return value
end

return vector
