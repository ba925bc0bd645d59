-- airboat.path: a way through points, measured along its length: what is `distance` units from its beginning?
-- Distances are in the game's own units, headings in radians. Plain Lua 5.1: clients run it too.
--
--   local path = require "airboat.path"
--   local patrol = path.new({ 100, 100,  500, 100,  500, 400 }, true)
--   tank.x, tank.y = path.at(patrol, 60 * room.time)

local path = {}
local sqrt, atan2, floor = math.sqrt, math.atan2, math.floor

-- `points` = { x1, y1, x2, y2, … }, two points at least; `closed` joins the last to the first. Points that stand where
-- the one before stands are left out.
function path.new(points, closed)
  if type(points) ~= "table" or #points < 4 or #points % 2 ~= 0 then
    error("path.new: points are { x1, y1, x2, y2, … }, at least two", 2)
  end
  local legs, length, last = {}, 0, closed and #points - 1 or #points - 3
  for i = 1, last, 2 do
    local x, y, after = points[i], points[i + 1], (i + 1) % #points
    local dx, dy = points[after + 1] - x, points[after + 2] - y
    local size = sqrt(dx * dx + dy * dy)
    if size > 0 then
      legs[#legs + 1] = { x = x, y = y, dx = dx / size, dy = dy / size, starts = length, ends = length + size }
      length = length + size
    end
  end
  if #legs == 0 then error("path.new: all points are the same", 2) end
  return { legs = legs, length = length, closed = closed == true }
end

-- The leg there, found by halving: long paths cost little more than short ones.
local function leg_at(self, distance)
  local legs, low, high = self.legs, 1, #self.legs
  while low < high do
    local middle = floor((low + high) / 2)
    if distance < legs[middle].ends then high = middle else low = middle + 1 end
  end
  return legs[low]
end

-- On a closed path any distance will do: it goes round and round. An open one ends at its ends.
local function within(self, distance)
  if self.closed then return distance % self.length end
  if distance < 0 then return 0 end
  if distance > self.length then return self.length end
  return distance
end

-- x and y at a distance from the beginning.
function path.at(self, distance)
  distance = within(self, distance)
  local leg = leg_at(self, distance)
  local along = distance - leg.starts
  return leg.x + leg.dx * along, leg.y + leg.dy * along
end

-- Where something looks that is `reach` long before and behind: from its tail to its nose, so it turns smoothly at a
-- corner. Without a reach, the direction of the leg.
function path.heading(self, distance, reach)
  if not reach or reach == 0 then
    local leg = leg_at(self, within(self, distance))
    return atan2(leg.dy, leg.dx)
  end
  local tail_x, tail_y = path.at(self, distance - reach)
  local nose_x, nose_y = path.at(self, distance + reach)
  return atan2(nose_y - tail_y, nose_x - tail_x)
end

-- The point of the path nearest to (x, y): its distance from the beginning, and how far (x, y) is from it.
function path.nearest(self, x, y)
  local best, best_square = 0, math.huge
  for _, leg in ipairs(self.legs) do
    local along, size = (x - leg.x) * leg.dx + (y - leg.y) * leg.dy, leg.ends - leg.starts
    if along < 0 then along = 0 elseif along > size then along = size end
    local dx, dy = leg.x + leg.dx * along - x, leg.y + leg.dy * along - y
    local square = dx * dx + dy * dy
    if square < best_square then best, best_square = leg.starts + along, square end
  end
  return best, sqrt(best_square)
end

return path
