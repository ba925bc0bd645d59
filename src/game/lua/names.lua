-- What is said about a name that nobody knows.

local type, ipairs = type, ipairs
local byte, format, concat, min = string.byte, string.format, table.concat, math.min

local suggestions = {}

-- The nearest of `names` when it is near enough to be a slip of the finger.
local function nearest_name(wrong, names)
  local best, best_distance = nil, 3
  if type(wrong) ~= "string" or #wrong > 40 then return nil end
  for _, name in ipairs(names) do
    local row = {}
    for j = 0, #name do row[j] = j end
    for i = 1, #wrong do
      local diagonal = row[0]
      row[0] = i
      for j = 1, #name do
        local above = row[j]
        local same = byte(wrong, i) == byte(name, j)
        row[j] = min(above + 1, row[j - 1] + 1, diagonal + (same and 0 or 1))
        diagonal = above
      end
    end
    local distance = row[#name]
    if distance < best_distance and distance < #name then
      best, best_distance = name, distance
    elseif distance == best_distance and #name <= 3 then
      best = nil -- as near as another, and most of it is wrong: that is a guess
    end
  end
  return best
end

function suggestions.did_you_mean(wrong, names)
  local best = nearest_name(wrong, names)
  return best and format("; did you mean %s?", best) or "; there are " .. concat(names, ", ")
end

return suggestions
