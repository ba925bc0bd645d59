-- airboat.grid: a board of cells, and ways through it. Columns count from 1 to `width`, rows from 1 to `height`; the cell
-- (1, 1) is at x = 0, y = 0. It is a plain table and may stand in a document. Plain Lua 5.1: clients run it too.
--
--   local grid = require "airboat.grid"
--   local board = grid.new(8, 6, 0)            -- 8 columns, 6 rows, all 0
--   grid.set(board, 3, 2, 7)
--   local way = grid.way(board, 1, 1, 8, 6, function(value) return value == 0 end)

local grid = {}
local floor, abs = math.floor, math.abs

-- `fill` is a value, or a function(column, row).
function grid.new(width, height, fill)
  if type(width) ~= "number" or type(height) ~= "number" or width < 1 or height < 1 then
    error("grid.new: (width, height, fill) with width and height from 1", 2)
  end
  local board = { width = width, height = height, cells = {} }
  for row = 1, height do
    for column = 1, width do
      local value = fill
      if type(fill) == "function" then value = fill(column, row) end
      -- A list in a document has no holes.
      if value == nil then value = 0 end
      board.cells[(row - 1) * width + column] = value
    end
  end
  return board
end

function grid.inside(board, column, row)
  return column >= 1 and row >= 1 and column <= board.width and row <= board.height
end

-- nil outside.
function grid.get(board, column, row)
  if not grid.inside(board, column, row) then return nil end
  return board.cells[(row - 1) * board.width + column]
end

-- False outside, where nothing is set.
function grid.set(board, column, row, value)
  if not grid.inside(board, column, row) then return false end
  board.cells[(row - 1) * board.width + column] = value
  return true
end

-- The cell at a place in the world, where a cell is `size` units wide and high.
function grid.cell(x, y, size) return floor(x / size) + 1, floor(y / size) + 1 end

-- The middle of a cell in the world.
function grid.centre(column, row, size) return (column - 0.5) * size, (row - 0.5) * size end

-- for column, row, value in grid.each(board) do
function grid.each(board)
  local index = 0
  return function()
    index = index + 1
    local value = board.cells[index]
    if value == nil then return nil end
    return (index - 1) % board.width + 1, floor((index - 1) / board.width) + 1, value
  end
end

-- The cells beside one, as a list of { column, row }; with corners, up to eight.
function grid.beside(board, column, row, corners)
  local found = {}
  for dy = -1, 1 do
    for dx = -1, 1 do
      local straight = abs(dx) + abs(dy) == 1
      if (straight or (corners and (dx ~= 0 or dy ~= 0))) and grid.inside(board, column + dx, row + dy) then
        found[#found + 1] = { column + dx, row + dy }
      end
    end
  end
  return found
end

-- The shortest way from one cell to another over cells of which `free(value, column, row)` is true: a list of
-- { column, row } without the first, or nil. Straight steps only. Looks at every cell once at most.
function grid.way(board, from_column, from_row, to_column, to_row, free)
  if not grid.inside(board, from_column, from_row) or not grid.inside(board, to_column, to_row) then return nil end
  local width = board.width
  local start, goal = (from_row - 1) * width + from_column, (to_row - 1) * width + to_column
  -- From the goal back to the start, so that the way comes out in its order.
  local came, queue, first = { [goal] = 0 }, { goal }, 1
  while queue[first] and not came[start] do
    local index = queue[first]
    first = first + 1
    local column, row = (index - 1) % width + 1, floor((index - 1) / width) + 1
    for _, cell in ipairs(grid.beside(board, column, row)) do
      local next_index = (cell[2] - 1) * width + cell[1]
      if not came[next_index] and (next_index == start or free(board.cells[next_index], cell[1], cell[2])) then
        came[next_index] = index
        queue[#queue + 1] = next_index
      end
    end
  end
  if not came[start] then return nil end
  local way, index = {}, came[start]
  while index ~= 0 do
    way[#way + 1] = { (index - 1) % width + 1, floor((index - 1) / width) + 1 }
    index = came[index]
  end
  return way
end

return grid
