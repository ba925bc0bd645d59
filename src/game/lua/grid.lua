-- A grid over the places of one class, for `within` and `nearest`: where entities stood when it was built.
--
-- Module code moves entities without telling. So a query looks one cell further than it reaches, which finds everything
-- that has moved less than a cell since, wherever it stands now; the caller measures with the present places. What was
-- spawned since is not in here: the caller looks at slots from `grid.n + 1` on. Only the engine holds a grid.

local type, floor, min, max = type, math.floor, math.min, math.max

local CELLS = 64 -- along the declared range of x
local GATHERED_MAX = 96 -- more are searched one by one: putting them in order would cost more
local QUERIES_MIN = 4 -- in a tick, before a grid pays: building it costs about three searches

local grid = {}

-- For a class whose x and y are numbers; nil for others.
function grid.new(x, y)
  if not (x and y and x.kind == "number" and y.kind == "number") then return nil end
  local size = (x.max - x.min) / CELLS
  return {
    left = x.min, low = y.min, size = size, columns = CELLS, rows = min(max(floor((y.max - y.min) / size + 1), 1), 4 * CELLS),
    starts = {}, items = {}, cells = {}, n = 0, tick = -1, asked = -1, queries = 0,
  }
end

local function cell_of(from, size, count, at)
  local i = floor((at - from) / size)
  if i < 0 then return 0 end
  if i >= count then return count - 1 end
  return i
end

-- A counting sort: slots by cell, ascending within a cell. False where somebody's place is no number: they are searched
-- one by one then, and told as ever.
local function build(self, class)
  local left, low, size, columns, rows = self.left, self.low, self.size, self.columns, self.rows
  local starts, items, cells, list = self.starts, self.items, self.cells, class.list
  local last = columns * rows
  for cell = 0, last do starts[cell] = 0 end
  for slot = 1, class.n do
    local entity, cell = list[slot], -1
    if entity then
      local x, y = entity.x, entity.y
      if type(x) == "number" and type(y) == "number" and x == x and y == y then
        cell = cell_of(low, size, rows, y) * columns + cell_of(left, size, columns, x)
        starts[cell] = starts[cell] + 1
      else
        return false
      end
    end
    cells[slot] = cell
  end
  local sum = 0
  for cell = 0, last do
    local count = starts[cell]
    starts[cell] = sum
    sum = sum + count
  end
  for slot = 1, class.n do
    local cell = cells[slot]
    if cell >= 0 then
      local at = starts[cell] + 1
      starts[cell], items[at] = at, slot
    end
  end
  -- Each start has become its cell's end, which is where the next one starts.
  for cell = last, 1, -1 do starts[cell] = starts[cell - 1] end
  starts[0] = 0
  self.n = class.n
  return true
end

-- The grid of a class when one pays, built at its first use in this tick.
function grid.of(class, tick)
  local self = class.grid
  if self.tick == tick then return self end
  if self.asked ~= tick then self.asked, self.queries = tick, 0 end
  self.queries = self.queries + 1
  if self.queries < QUERIES_MIN then return nil end
  if not build(self, class) then return nil end
  self.tick = tick
  return self
end

-- When slots change their meaning.
function grid.forget(class)
  local self = class.grid
  self.tick, self.asked = -1, -1
end

-- Slots that may be within `reach` of x, y into `into`, ascending; answers how many. Nil where that would be many.
function grid.gather(self, x, y, reach, into)
  local size, columns, rows = self.size, self.columns, self.rows
  reach = reach + size
  local from_column, to_column = cell_of(self.left, size, columns, x - reach), cell_of(self.left, size, columns, x + reach)
  local from_row, to_row = cell_of(self.low, size, rows, y - reach), cell_of(self.low, size, rows, y + reach)
  if (to_column - from_column + 1) * (to_row - from_row + 1) > GATHERED_MAX * 2 then return nil end
  local starts, items, count = self.starts, self.items, 0
  for row = from_row, to_row do
    count = count + starts[row * columns + to_column + 1] - starts[row * columns + from_column]
  end
  if count > GATHERED_MAX then return nil end
  count = 0
  for row = from_row, to_row do
    local first, last = row * columns + from_column, row * columns + to_column
    for at = starts[first] + 1, starts[last + 1] do
      count = count + 1
      into[count] = items[at]
    end
  end
  -- Rows are in order each; together they are few.
  for i = 2, count do
    local slot, at = into[i], i - 1
    while at > 0 and into[at] > slot do
      into[at + 1] = into[at]
      at = at - 1
    end
    into[at + 1] = slot
  end
  return count
end

-- The slot of the nearest within `radius`, and the square of its distance; of equals the lower. Looks near first: what is
-- found within `reach` can not be beaten by what lies outside of the cells that were looked at.
function grid.nearest(self, list, x, y, radius)
  local size, columns, rows, starts, items = self.size, self.columns, self.rows, self.starts, self.items
  local reach = min(size, radius)
  while true do
    local wide = reach + size
    local from_column, to_column = cell_of(self.left, size, columns, x - wide), cell_of(self.left, size, columns, x + wide)
    local from_row, to_row = cell_of(self.low, size, rows, y - wide), cell_of(self.low, size, rows, y + wide)
    local best, best_distance = nil, radius * radius
    for row = from_row, to_row do
      for at = starts[row * columns + from_column] + 1, starts[row * columns + to_column + 1] do
        local slot = items[at]
        local entity = list[slot]
        if entity then
          local dx, dy = entity.x - x, entity.y - y
          local distance = dx * dx + dy * dy
          if distance < best_distance or (distance == best_distance and (not best or slot < best)) then
            best, best_distance = slot, distance
          end
        end
      end
    end
    local everywhere = from_column == 0 and from_row == 0 and to_column == columns - 1 and to_row == rows - 1
    if everywhere or reach >= radius or (best and best_distance <= reach * reach) then return best, best_distance end
    reach = min(reach * 3, radius)
  end
end

return grid
