-- Yields through sort, gsub, pcall and a spawn's values.
-- expect: error

return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  tick = function(room)
    local c = coroutine.create(function()
      table.sort({ 3, 2, 1 }, function() coroutine.yield() return true end)
    end)
    coroutine.resume(c)
    c = coroutine.create(function() return (("x"):gsub("x", coroutine.yield)) end)
    coroutine.resume(c) coroutine.resume(c)
    c = coroutine.create(function() room:spawn("box", setmetatable({}, { __index = function() coroutine.yield() end })) end)
    coroutine.resume(c) coroutine.resume(c)
    coroutine.yield()
  end,
}
