-- A document nested twenty thousand deep.
-- expect: error or overrun

return { open = function(room) local t = {} for _ = 1, 20000 do t = { t } end room.state.deep = t end }
