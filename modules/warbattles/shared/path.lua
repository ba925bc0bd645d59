-- A closed path, measured along its length: what is `distance` units from its first point?

local path = {}

-- `points` = { x1, y1, x2, y2, … }; the last point is joined to the first.
function path.new(points)
  local legs, length, count = {}, 0, #points
  for i = 1, count, 2 do
    local x, y, after = points[i], points[i + 1], (i + 1) % count
    local dx, dy = points[after + 1] - x, points[after + 2] - y
    local size = math.sqrt(dx * dx + dy * dy)
    legs[#legs + 1] = { x = x, y = y, dx = dx / size, dy = dy / size, starts = length, ends = length + size }
    length = length + size
  end
  return { legs = legs, length = length }
end

-- x and y there; any distance will do, the path goes round and round.
function path.at(self, distance)
  distance = distance % self.length
  for _, leg in ipairs(self.legs) do
    if distance < leg.ends then
      local along = distance - leg.starts
      return leg.x + leg.dx * along, leg.y + leg.dy * along
    end
  end
  return self.legs[1].x, self.legs[1].y
end

-- The direction of something `reach` long before and behind: it looks from its tail to its nose, so it turns smoothly
-- at a corner.
function path.heading(self, distance, reach)
  local tail_x, tail_y = path.at(self, distance - reach)
  local nose_x, nose_y = path.at(self, distance + reach)
  return math.atan2(nose_y - tail_y, nose_x - tail_x)
end

return path
