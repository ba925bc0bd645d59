-- An order that makes quicksort quadratic, sorted without a comparison: it would run in C, where nothing stops it.
-- expect: error or overrun

-- McIlroy's adversary: the values are fixed while the sort looks at them, as badly for it as can be.
local COUNT = 2000
local function killer(n)
  local values, solid, candidate, gas, items = {}, 0, 0, n + 1, {}
  for i = 1, n do values[i], items[i] = gas, i end
  table.sort(items, function(a, b)
    if values[a] == gas and values[b] == gas then
      solid = solid + 1
      if a == candidate then values[a] = solid else values[b] = solid end
    end
    if values[a] == gas then candidate = a elseif values[b] == gas then candidate = b end
    return values[a] < values[b]
  end)
  return values
end
local worst
return {
  open = function() local ok ok, worst = pcall(killer, COUNT) if not ok then worst = nil end end,
  tick = function()
    local long, values = {}, worst or { 3, 2, 1 }
    -- The pattern repeats in larger sizes: the same ranks, spread out.
    for i = 1, 50000 do long[i] = values[(i - 1) % #values + 1] * 1000 + math.floor(i / #values) end
    for _ = 1, 50 do
      local copy = {}
      for i = 1, #long do copy[i] = long[i] end
      table.sort(copy)
    end
    error "sorted"
  end,
}
