% rebase('layout', title='Messages')
% if flash:
  <p class="note" role="status">{{flash}}</p>
% end
  <form class="card" action="{{url('post')}}" method="post" enctype="multipart/form-data">
    <input type="hidden" name="token" value="{{token}}">
% if problem:
    <p class="problem" role="alert">{{problem}}</p>
% end
    <label>Name
      <input name="author" value="{{author}}" maxlength="40" autocomplete="nickname" required>
    </label>
    <label>Message
      <textarea name="body" rows="3" maxlength="{{max_body}}" required>{{body}}</textarea>
    </label>
    <div class="row">
      <label class="file">File <small>up to {{max_upload // 1024}} KiB</small>
        <input type="file" name="file">
      </label>
      <button>Post</button>
    </div>
  </form>
% if not messages:
  <p class="empty">Nobody has written anything yet. Be the first!</p>
% end
% for message in messages:
%   include('message', message=message)
% end
% if pages > 1:
  <nav class="pages" aria-label="Pages">
%   if page > 1:
    <a rel="prev" href="{{url('index', page=page - 1)}}">← Newer</a>
%   else:
    <span></span>
%   end
    <span>Page {{page}} of {{pages}} · {{total}} messages</span>
%   if page < pages:
    <a rel="next" href="{{url('index', page=page + 1)}}">Older →</a>
%   else:
    <span></span>
%   end
  </nav>
% end
