-- Kicks in join and fails.
-- expect: error; turned away

return { join = function(_, player) player:kick() error "out" end }
